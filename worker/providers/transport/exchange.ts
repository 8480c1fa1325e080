/**
 * One HTTP exchange with a provider over plain fetch: an official client would buffer, retry and add headers of its own, and costs
 * more time per call than everything else the gateway does. Nothing is retried here (whoever reserved the money decides about attempts).
 */
import type { Connection, ProviderDeps, ProviderFailure } from '../../domain/contracts/provider.ts';
import { err, ok, type Result } from '../../domain/result.ts';
import {
  CANCELLED,
  connectionFailure,
  failed,
  failureOf,
  guardedFetch,
  neverArrived,
  retryAfterMs,
  settledFailure,
  timedOut,
  TOO_LATE,
} from './failure.ts';

export type Transport = Pick<ProviderDeps, 'fetch' | 'listens'>;
export type Placed = Connection & { baseUrl: string };

export interface Exchange {
  url: string;
  method: 'GET' | 'POST';
  /** JSON text */
  body?: string;
  headers: Record<string, string>;
  /** aborted with a TimeoutError (as AbortSignal.timeout does) it counts as "did not answer in time" */
  signal: AbortSignal | null;
  /** absent = the signal alone says when to stop */
  timeoutMs?: number | undefined;
  /** the provider's own words in the body of an error; null when it has none */
  wordsIn(body: string): string | null;
}

const NEVER = new AbortController().signal;

/** Answers as soon as the provider's 2xx headers are there; the body is unread. */
export async function exchange(
  { url, method, body, headers, signal, timeoutMs, wordsIn }: Exchange,
  connection: Placed,
  deps: Transport,
): Promise<Result<Response, ProviderFailure>> {
  if (signal?.aborted) return err(timedOut(signal) ? failed('not_sent', 0, TOO_LATE) : CANCELLED);
  const deadline = timeoutMs === undefined ? null : new AbortController();
  const timer =
    deadline && setTimeout(() => deadline.abort(new DOMException(TOO_LATE, 'TimeoutError')), timeoutMs);
  const stop = deadline && signal ? AbortSignal.any([signal, deadline.signal]) : (deadline?.signal ?? signal);
  try {
    const response = await guardedFetch(deps.fetch, url, {
      method,
      ...(body === undefined ? {} : { body }),
      headers,
      ...(stop ? { signal: stop } : {}),
    });
    if (response.ok) return ok(response);
    return err(await settledFailure(await refusalIn(response, wordsIn), connection, deps));
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return err(await settledFailure(classified(error, stop ?? NEVER), connection, deps));
  } finally {
    if (timer !== null) clearTimeout(timer);
  }
}

/** No answer came: engine.md rule 5. */
function classified(error: Error, stop: AbortSignal): ProviderFailure {
  if (!stop.aborted) return connectionFailure(error);
  if (!timedOut(stop)) return CANCELLED;
  return failed(neverArrived(error) ? 'not_sent' : 'unknown', 0, TOO_LATE);
}

async function refusalIn(response: Response, wordsIn: Exchange['wordsIn']): Promise<ProviderFailure> {
  const { status } = response;
  const body = await response.text();
  const words =
    wordsIn(body)?.slice(0, 1000) ||
    (body === '' ? `It answered with status ${status}.` : body.slice(0, 300));
  return failed(failureOf(status), status, words, body, retryAfterMs(response.headers));
}

/** The JSON of a text; undefined when it is none. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
