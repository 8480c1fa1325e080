/** A route as it stands in the form, and as it is sent: empty texts are left out, seconds become milliseconds. */
import type { ModelRoute } from '$lib/shapes.ts';

export interface TargetDraft {
  /** for the form's own order only */
  key: number;
  model: string;
  /** '' = any */
  connection: string;
  weight: string;
  timeoutSeconds: string;
  idleSeconds: string;
  maxAttempts: string;
}

export interface RouteDraft {
  name: string;
  strategy: ModelRoute['strategy'];
  targets: TargetDraft[];
  maxAttempts: string;
  baseMs: string;
  maxMs: string;
}

let keys = 0;
export const emptyTarget = (): TargetDraft => ({
  key: ++keys,
  model: '',
  connection: '',
  weight: '',
  timeoutSeconds: '',
  idleSeconds: '',
  maxAttempts: '',
});

const text = (value: number | undefined) => (value === undefined ? '' : String(value));

export const draftOf = (route: ModelRoute | null): RouteDraft => ({
  name: route?.name ?? '',
  strategy: route?.strategy ?? 'fallback',
  targets: route?.targets.map((target) => ({
    key: ++keys,
    model: target.model,
    connection: target.connection ?? '',
    weight: text(target.weight),
    timeoutSeconds: text(target.timeoutMs && target.timeoutMs / 1000),
    idleSeconds: text(target.idleTimeoutMs && target.idleTimeoutMs / 1000),
    maxAttempts: text(target.maxAttempts),
  })) ?? [emptyTarget(), emptyTarget()],
  maxAttempts: String(route?.retry.maxAttempts ?? 2),
  baseMs: String(route?.retry.baseMs ?? 250),
  maxMs: String(route?.retry.maxMs ?? 4000),
});

/** A text that is no number goes out as it is, so that the server names it. */
function number(value: string, factor = 1): number | string | undefined {
  if (value.trim() === '') return undefined;
  const parsed = Number(value.trim().replace(',', '.'));
  return Number.isFinite(parsed) ? Math.round(parsed * factor * 1e6) / 1e6 : value;
}

export const bodyOf = ({ name, strategy, targets, maxAttempts, baseMs, maxMs }: RouteDraft) => ({
  name: name.trim(),
  strategy,
  targets: targets.map((target) => ({
    model: target.model.trim(),
    connection: target.connection || undefined,
    weight: strategy === 'weighted' ? number(target.weight) : undefined,
    timeoutMs: number(target.timeoutSeconds, 1000),
    idleTimeoutMs: number(target.idleSeconds, 1000),
    maxAttempts: number(target.maxAttempts),
  })),
  retry: { maxAttempts: number(maxAttempts), baseMs: number(baseMs), maxMs: number(maxMs) },
});
