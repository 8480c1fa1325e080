/** The long tasks of the books: one request does a part, so it is asked again until all is done. */
import {
  call,
  problemOf,
  send,
  unreachable,
  type Answer,
  type ApiProblem,
  type CallOptions,
} from '$lib/api.ts';
import type { DifferenceRow } from '$domain/invoice/difference.ts';
import type { Rebuilt, Reconciliation } from '$lib/shapes.ts';

interface Going<T> {
  signal: AbortSignal;
  /** after every part that is not the last */
  onpart: (part: T) => void;
}

async function untilDone<T>(
  ask: () => Promise<Answer<T>>,
  isDone: (part: T) => boolean,
  { signal, onpart }: Going<T>,
): Promise<Answer<T>> {
  for (;;) {
    const answer = await ask();
    if (!answer.ok || signal.aborted || isDone(answer.data)) return answer;
    onpart(answer.data);
  }
}

/** Sums the whole ledger row by row, however many requests that takes. */
export const verifyEverything = (going: Going<Reconciliation>): Promise<Answer<Reconciliation>> =>
  untilDone(
    () => call('/api/token-tracking/reconcile', { query: { full: true }, signal: going.signal }),
    ({ verifying }) => verifying === null,
    going,
  );

/** Computes counters and rollups anew from the ledger; `dryRun` only compares. */
export const rebuildCounters = (dryRun: boolean, going: Going<Rebuilt>): Promise<Answer<Rebuilt>> =>
  untilDone(
    () => call('/api/token-tracking/rebuild', { method: 'POST', json: { dryRun }, signal: going.signal }),
    ({ status }) => status === 'done',
    going,
  );

/** Fetches a file in this tab's team and hands it to the browser to save; the problem when there is none. */
export async function saveFile(
  path: string,
  query: CallOptions['query'],
  name: string,
): Promise<ApiProblem | null> {
  try {
    const response = await send(path, { query });
    if (!response.ok) return await problemOf(response);
    const link = document.createElement('a');
    link.href = URL.createObjectURL(await response.blob());
    link.download = name;
    link.click();
    // some browsers begin to read only after this task
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    return null;
  } catch (cause) {
    return unreachable(cause);
  }
}

export const STATUS_WORDS = {
  equal: 'Equal',
  rounding: 'Rounding',
  differs: 'Differs',
  only_invoice: 'Only on the invoice',
  only_ledger: 'Only in the ledger',
} as const satisfies Record<DifferenceRow['status'], string>;

/** 1234 hundredths of a percent -> "+12.34 %"; empty when there is nothing to compare with. */
export const shareText = (basisPoints: number | null): string =>
  basisPoints === null ? '' : `${basisPoints > 0 ? '+' : ''}${(basisPoints / 100).toFixed(2)} %`;
