/** An event that reaches a webhook: which one it is, and how long a repeat is known as one. */

/** How old or new a signed timestamp may be (Standard Webhooks). */
export const TOLERANCE_SECONDS = 300;
/** Senders try again for days, always with the same id. */
export const ID_KNOWN_MS = 7 * 86_400_000;
/** Without an id the body is all there is to know an event by; the same body later is taken for another event. */
export const BODY_KNOWN_MS = 600_000;
export const MOST_BODY_BYTES = 1_000_000;

/** Why a timestamp is not taken; null = it is. */
export function timestampFault(text: string, nowMs: number): string | null {
  if (!/^\d{1,12}$/.test(text)) return 'webhook-timestamp must be seconds since 1970.';
  const ageSeconds = Math.floor(nowMs / 1000) - Number(text);
  if (ageSeconds > TOLERANCE_SECONDS)
    return `webhook-timestamp is ${ageSeconds} seconds old; at most ${TOLERANCE_SECONDS} are allowed.`;
  if (ageSeconds < -TOLERANCE_SECONDS)
    return `webhook-timestamp is ${-ageSeconds} seconds in the future; at most ${TOLERANCE_SECONDS} are allowed.`;
  return null;
}

/** The signatures of the one version there is, out of a header that may hold several. */
export const signaturesOf = (header: string): string[] =>
  header
    .split(' ')
    .filter((part) => part.startsWith('v1,'))
    .map((part) => part.slice(3));

/** What the run is given: JSON as it is, anything else as text, nothing as null. */
export function inputOf(body: string): unknown {
  if (body.trim() === '') return null;
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return body;
  }
}
