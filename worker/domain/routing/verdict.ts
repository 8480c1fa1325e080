/** What a refusal means for the attempts that could follow it. */
import type { Refusal } from '../refusal.ts';

/**
 * `retry`: this target may answer later, another may now. `next`: pointless here, another may answer. `stop`: nothing would
 * change it (the request itself is at fault, or the budget could not be asked).
 */
export type Verdict = 'retry' | 'next' | 'stop';

export function verdictOf(refusal: Refusal): Verdict {
  switch (refusal.reason) {
    case 'provider_failed':
      return refusal.failure === 'refused' ? verdictOfStatus(refusal.status) : 'retry';
    // another model may be known, priced, speak the format, or be cheap enough: its own reservation decides
    case 'model_not_found':
    case 'model_unpriced':
    case 'invalid':
    case 'budget_exceeded':
      return 'next';
    default:
      return 'stop';
  }
}

/** The provider read the request and refused it. 5xx here is its answer about OUR key, bill or address (settling.ts makes 502 of it). */
function verdictOfStatus(status: number): Verdict {
  if (status === 408 || status === 409 || status === 425 || status === 429) return 'retry';
  if (status === 404 || status === 410 || status >= 500) return 'next';
  return 'stop';
}

/** Is it the provider's fault, so that its circuit breaker should hear of it? */
export const isTrouble = (refusal: Refusal): boolean =>
  refusal.reason === 'provider_failed' && (refusal.failure !== 'refused' || refusal.status >= 500);
