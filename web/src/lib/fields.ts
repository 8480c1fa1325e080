/** What people type into a form, and what the server says of it. */
import type { ApiProblem } from './api.ts';

/** Lines or commas; each once. */
export const listOf = (text: string): string[] => [
  ...new Set(
    text
      .split(/[\n,]/)
      .map((one) => one.trim())
      .filter(Boolean),
  ),
];
/** An empty field is none; what is no number is sent as it is, so that the server says so at its field. */
export function limitOf(text: string): number | string | null {
  const plain = text.trim().replaceAll(',', '');
  if (plain === '') return null;
  return /^\d+$/.test(plain) ? Number(plain) : plain;
}

/** What the server said of one field, or of one entry of its list. */
export const issueAt = (problem: ApiProblem | null, path: string): string | undefined =>
  problem?.issues.find((issue) => issue.path === path || issue.path.startsWith(`${path}.`))?.message;
