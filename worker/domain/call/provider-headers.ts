/** Which of a provider's response headers reach the caller, and under which names. Whatever is not listed stays with us. */
import type { Connection } from '../contracts/provider.ts';

/** Useful to whoever measures or asks the provider for support, and about this call alone. */
const SHOWN = ['openai-processing-ms', 'openai-version'];
/** Where providers put their own id of the request; ours is x-request-id. */
const REQUEST_IDS = ['request-id', 'x-request-id', 'x-goog-request-id', 'x-amzn-requestid', 'cf-ray'];
/** What is left of the account's limits: shown to the team whose account it is. */
const LIMITS = /^(x-ratelimit-|anthropic-ratelimit-)/;
const MAX_CHARS = 200;

export function shownHeaders(
  headers: Headers,
  { shared }: Pick<Connection, 'shared'>,
): Record<string, string> {
  const shown: Record<string, string> = {};
  const show = (name: string, value: string | null) => {
    if (value !== null && value.length <= MAX_CHARS) shown[name] = value;
  };
  for (const name of SHOWN) show(name, headers.get(name));
  const id = REQUEST_IDS.find((name) => headers.has(name));
  if (id !== undefined) show('x-pm-provider-request-id', headers.get(id));
  if (!shared) for (const [name, value] of headers) if (LIMITS.test(name)) show(name, value);
  return shown;
}
