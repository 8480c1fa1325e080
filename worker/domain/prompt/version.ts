/** Which version of a prompt is meant: a number, a label that points at one, or the newest. */
import type { Refusal } from '../refusal.ts';
import { err, ok, type Result } from '../result.ts';

export interface VersionedPrompt {
  id: string;
  latestVersion: number;
  labels: Record<string, number>;
}

export interface VersionWish {
  version?: number;
  label?: string;
}

/** Both at once make no sense (422); what is not there is 404. */
export function chosenVersion(
  prompt: VersionedPrompt,
  { version, label }: VersionWish,
): Result<number, Refusal> {
  if (version !== undefined && label !== undefined)
    return err({
      reason: 'invalid',
      issues: [{ path: 'label', message: 'give a version or a label, not both' }],
    });
  if (label !== undefined) {
    if (!Object.hasOwn(prompt.labels, label))
      return err({ reason: 'not_found', message: `The prompt "${prompt.id}" has no label "${label}".` });
    return ok(prompt.labels[label]!);
  }
  if (version !== undefined && version > prompt.latestVersion)
    return err({ reason: 'not_found', message: `The prompt "${prompt.id}" has no version ${version}.` });
  return ok(version ?? prompt.latestVersion);
}
