/** A refusal met inside a run, in the engine's own classes (engine.md rule 5): is it sent, may it be tried again, does it pause the run? */
import type { NodeFailure } from '../contracts/node.ts';
import type { Refusal } from '../refusal.ts';

export function failureOf(refusal: Refusal): NodeFailure {
  switch (refusal.reason) {
    case 'budget_exceeded':
      return { reason: 'over_budget', refusal };
    case 'rate_limited':
      return {
        reason: 'not_sent',
        message: refusal.message,
        retryAfterMs: refusal.retryAfterSeconds * 1000,
      };
    case 'budget_unavailable':
      return { reason: 'not_sent', message: refusal.message ?? 'The budget could not be checked.' };
    case 'unavailable':
      return { reason: 'not_sent', message: refusal.message };
    case 'provider_failed':
      return {
        reason: refusal.failure,
        message: `${refusal.provider} answered ${refusal.status}: ${refusal.message}`,
        ...(refusal.billed ? { spend: refusal.billed } : {}),
        ...(refusal.retryAfterSeconds === undefined
          ? {}
          : { retryAfterMs: refusal.retryAfterSeconds * 1000 }),
      };
    case 'model_not_found':
      return { reason: 'refused', field: 'model', message: `The model "${refusal.model}" is not known.` };
    case 'model_unpriced':
      return {
        reason: 'refused',
        field: 'model',
        message: `The model "${refusal.model}" has no price, so a budget cannot cover it.`,
      };
    case 'invalid':
      return {
        reason: 'refused',
        message:
          refusal.message ??
          refusal.issues.map(({ path, message }) => (path ? `${path}: ${message}` : message)).join('; '),
        ...(refusal.issues[0]?.path ? { field: refusal.issues[0].path } : {}),
      };
    default:
      return { reason: 'refused', message: refusal.message ?? refusal.reason };
  }
}
