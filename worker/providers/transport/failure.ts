/** What went wrong between us and a provider, whatever client spoke to it: engine.md rule 5, in one place. */
import { causes, neverArrived } from '../../domain/call/arrival.ts';
import type { Connection, ProviderDeps, ProviderFailure } from '../../domain/contracts/provider.ts';

export { failureOfStatus as failureOf, neverArrived } from '../../domain/call/arrival.ts';

/** Longest error body kept for the caller. */
const MAX_ERROR_CHARS = 16_384;
/** Read no further: what is longer is no error's text. */
const MAX_ERROR_BYTES = 4 * MAX_ERROR_CHARS;
/** Its status is the word that counts; the text of an error is not waited for as an answer is. */
const ERROR_TEXT_MS = 10_000;
/** How long connecting waits for the list of models. */
export const TEST_TIMEOUT_MS = 15_000;

/** Follows no redirects: they could lead to an address that connecting would have refused. The body of an error is cut to what is kept. */
export async function guardedFetch(
  send: typeof fetch,
  url: string | URL | Request,
  init?: RequestInit,
): Promise<Response> {
  const response = await send(url as string, { ...init, redirect: 'manual' });
  if (response.ok) return response;
  if (response.status < 400) throw new Redirected(response.status);
  const body = (await errorText(response)).slice(0, MAX_ERROR_CHARS);
  return new Response(body, { status: response.status, headers: response.headers });
}

/** What came of an error's body before it ended, broke off, grew too long or stalled. */
async function errorText(response: Response): Promise<string> {
  const reader = response.body?.getReader();
  if (!reader) return '';
  const leave = () => void reader.cancel().catch(() => {});
  const timer = setTimeout(leave, ERROR_TEXT_MS);
  const decoder = new TextDecoder();
  let text = '';
  try {
    for (let received = 0; received <= MAX_ERROR_BYTES;) {
      const { done, value } = await reader.read();
      if (done) return text + decoder.decode();
      received += value.length;
      text += decoder.decode(value, { stream: true });
    }
    leave();
  } catch {
    // it broke off
  } finally {
    clearTimeout(timer);
  }
  return text;
}

class Redirected extends Error {
  constructor(readonly status: number) {
    super(`It answered with a redirect (${status}), which is not followed.`);
  }
}

/** A failure as the contract has it. */
export const failed = (
  failure: ProviderFailure['failure'],
  status: number,
  message: string,
  body: string | null = null,
  retryAfterMs: number | null = null,
): ProviderFailure => ({ reason: 'provider_failed', failure, status, message, retryAfterMs, body });

export const CANCELLED = failed('unknown', 0, 'The call was cancelled.');
export const TOO_LATE = 'It did not answer in time.';
/** A signal that ran out of time, rather than one whose caller left. */
export const timedOut = (signal: AbortSignal): boolean =>
  signal.aborted && (signal.reason as Error | undefined)?.name === 'TimeoutError';

const BROKEN = 'The connection broke before it answered.';
const UNREACHABLE = failed('not_sent', 0, 'It could not be reached.');

/** No answer came: a redirect, nobody there, or a connection that broke after the request may have been read. */
export function connectionFailure(error: Error): ProviderFailure {
  const redirect = causes(error).find((cause) => cause instanceof Redirected);
  if (redirect) return failed('refused', 502, redirect.message);
  return neverArrived(error) ? UNREACHABLE : failed('unknown', 0, BROKEN);
}

/** The failure as it may be told: a break is asked after once more, and the key does not travel on. */
export async function settledFailure(
  failure: ProviderFailure,
  { baseUrl, apiKey, headers }: Pick<Connection, 'apiKey' | 'headers'> & { baseUrl: string },
  deps: Pick<ProviderDeps, 'listens'>,
): Promise<ProviderFailure> {
  const nobody = failure.message === BROKEN && !(await deps.listens(baseUrl));
  return withoutSecrets(nobody ? UNREACHABLE : failure, [apiKey, ...Object.values(headers)]);
}

/** Retry-After as delay or date, or OpenAI's retry-after-ms; null when absent or nonsense. Dates are measured by the answer's own Date header. */
export function retryAfterMs(headers: Headers | undefined): number | null {
  const ms = Number(headers?.get('retry-after-ms') ?? NaN);
  if (Number.isFinite(ms) && ms >= 0) return Math.ceil(ms);
  const after = headers?.get('retry-after');
  if (!after) return null;
  const seconds = Number(after);
  if (Number.isFinite(seconds)) return seconds >= 0 ? Math.ceil(seconds * 1000) : null;
  const wait = Date.parse(after) - Date.parse(headers?.get('date') ?? '');
  return Number.isFinite(wait) ? Math.max(0, wait) : null;
}

/** Some servers repeat the key in their error, or a header that may hold one: they must not travel on. */
function withoutSecrets(failure: ProviderFailure, secrets: readonly string[]): ProviderFailure {
  const long = secrets.filter((secret) => secret.length >= 8);
  const clean = (text: string) => long.reduce((rest, secret) => rest.replaceAll(secret, '[key]'), text);
  return { ...failure, message: clean(failure.message), body: failure.body && clean(failure.body) };
}
