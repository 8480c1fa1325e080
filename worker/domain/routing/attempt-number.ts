/**
 * (runId, attempt) names one call to a provider. Whoever asks for a call (a workflow's node) counts his own attempts under one run id,
 * and each of those may take several calls: so each of his has a hundred numbers of its own. The first of all is 1.
 */
export const ATTEMPTS_PER_CALL = 100;

/** The number of the first call to a provider within the asker's attempt (1, 2, ...). */
export const firstAttempt = (askersAttempt: number): number => (askersAttempt - 1) * ATTEMPTS_PER_CALL + 1;
