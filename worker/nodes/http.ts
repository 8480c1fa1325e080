/**
 * One HTTP request. Redirects are followed by hand, so that none leads into a private network; the answer is read up to a bound; what
 * went wrong is told without anything that the request carried.
 */
import { z } from 'zod';
import { failureOfStatus, neverArrived, withoutSecrets } from '../domain/call/arrival.ts';
import { defineNode, type NodeContext, type NodeFailure } from '../domain/contracts/node.ts';
import { redact } from '../domain/guard/redact.ts';
import { retryAfterMs } from '../domain/notify/retry.ts';
import { err, ok, type Result } from '../domain/result.ts';

export interface HttpDeps {
  fetch: typeof fetch;
  /** may a team make the server call this address? */
  mayReach(url: string): boolean;
  /** does anybody accept connections there? Asked after one that broke without a cause; true when that cannot be known */
  listens(url: string): Promise<boolean>;
}

/** The longest answer that is taken. */
export const MAX_ANSWER_BYTES = 5 * 1024 * 1024;
const MAX_REDIRECTS = 5;
const MAX_ERROR_CHARS = 300;
const PRIVATE =
  'leads into a private network. Whoever runs the server can allow it with ALLOW_PRIVATE_NETWORK=1';
/** what may be told to another host that a redirect leads to */
const TOLD_ELSEWHERE = ['accept', 'content-type', 'idempotency-key', 'user-agent'];

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;
const repeats = (method: unknown) => method === 'GET' || method === 'HEAD';

const httpConfig = z
  .strictObject({
    method: z.enum(METHODS),
    url: z.string().trim().min(1).max(8_000),
    headers: z.record(z.string().min(1).max(200), z.string().max(8_000)).optional(),
    query: z.record(z.string().max(200), z.union([z.string(), z.number(), z.boolean()])).optional(),
    /** a text as it is, anything else as JSON */
    body: z.unknown().optional(),
    /** it may be sent twice when nobody knows whether it arrived */
    safeToRepeat: z.boolean().optional(),
  })
  .superRefine(({ method, url, body, headers }, context) => {
    const issue = (path: string, message: string) =>
      context.addIssue({ code: 'custom', path: [path], message });
    if (!url.includes('{{') && !/^https?:\/\/[^/]/i.test(url))
      issue('url', 'must begin with http:// or https://');
    if (body !== undefined && repeats(method)) issue('body', `a ${method} request has no body`);
    for (const name of Object.keys(headers ?? {}))
      if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name)) issue('headers', `"${name}" is not the name of a header`);
  });
type HttpConfig = z.infer<typeof httpConfig>;

export const http = defineNode({
  kind: 'http',
  label: 'HTTP request',
  description: 'Calls an address of another system and hands on what it answers.',
  category: 'action',
  icon: 'globe',
  configSchema: httpConfig,
  defaultConfig: { method: 'GET', url: 'https://' },
  expressionFields: [],
  handles: [],
  ignoresInput: () => true,
  execution: 'io',
  idempotent: ({ method, safeToRepeat }) => repeats(method) || safeToRepeat === true,
  paid: false,
  async run(config, context) {
    const secrets = [
      ...Object.values(config.headers ?? {}),
      ...Object.values(config.query ?? {}).map(String),
    ];
    const outcome = await send(config, context);
    if (outcome.ok || outcome.error.reason === 'over_budget') return outcome;
    const message = redact(withoutSecrets(outcome.error.message, secrets));
    return err({ ...outcome.error, message });
  },
});

async function send(
  config: HttpConfig,
  context: NodeContext,
): Promise<Result<{ output: unknown }, NodeFailure>> {
  const { fetch, mayReach, listens } = context.deps as HttpDeps;
  const wrong = (message: string) => err({ reason: 'refused' as const, field: 'url', message });
  const first = parsedUrl(config.url);
  if (!first) return wrong('is not an address that begins with http:// or https://');
  for (const [name, value] of Object.entries(config.query ?? {})) first.searchParams.set(name, String(value));
  let url = first;
  let method: string = config.method;
  let { headers, body } = requestOf(config, context.idempotencyKey);
  for (let redirects = 0; ; redirects++) {
    if (!mayReach(url.href))
      return wrong(redirects === 0 ? `The address ${PRIVATE}.` : `A redirect ${PRIVATE}.`);
    let response: Response;
    try {
      response = await fetch(url.href, { method, headers, body, redirect: 'manual', signal: context.signal });
    } catch (error) {
      return err(await unanswered(error as Error, url, context, listens));
    }
    const location = response.headers.get('location');
    if (response.status >= 300 && response.status < 400 && location !== null) {
      await response.body?.cancel().catch(() => {});
      if (redirects === MAX_REDIRECTS)
        return wrong(`The address was redirected more than ${MAX_REDIRECTS} times.`);
      const next = parsedUrl(location, url);
      if (!next) return wrong('A redirect leads to something that is not an http address.');
      if (next.origin !== url.origin) headers = TOLD_ELSEWHERE.reduce(kept(headers), new Headers());
      if (response.status === 303 || (response.status < 303 && method === 'POST')) {
        if (method !== 'HEAD') method = 'GET';
        body = undefined;
        headers.delete('content-type');
      }
      url = next;
      continue;
    }
    return await answered(response, url, context);
  }
}

const kept = (from: Headers) => (to: Headers, name: string) => {
  const value = from.get(name);
  if (value !== null) to.set(name, value);
  return to;
};

function parsedUrl(text: string, base?: URL): URL | null {
  const url = URL.parse(text, base?.href);
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:') || url.hostname === '') return null;
  return url;
}

function requestOf(
  config: HttpConfig,
  idempotencyKey: string,
): { headers: Headers; body: string | undefined } {
  const headers = new Headers({ 'user-agent': 'Prompt-Manage', accept: 'application/json, text/*, */*' });
  const isText = typeof config.body === 'string';
  const body =
    config.body === undefined || config.body === null
      ? undefined
      : isText
        ? (config.body as string)
        : JSON.stringify(config.body);
  if (body !== undefined)
    headers.set('content-type', isText ? 'text/plain; charset=utf-8' : 'application/json');
  for (const [name, value] of Object.entries(config.headers ?? {}))
    headers.set(name, value.replace(/[\r\n]+/g, ' '));
  // the same for every attempt, whatever the workflow says: by it the receiver knows a repetition
  if (!repeats(config.method)) headers.set('idempotency-key', idempotencyKey);
  return { headers, body };
}

/** Nobody answered: was it sent? Never says more of the address than its host. */
async function unanswered(
  error: Error,
  url: URL,
  { signal }: NodeContext,
  listens: HttpDeps['listens'],
): Promise<NodeFailure> {
  if (signal.aborted) return { reason: 'unknown', message: `${url.host} did not answer in time.` };
  if (neverArrived(error) || !(await listens(url.href)))
    return { reason: 'not_sent', message: `${url.host} could not be reached.` };
  return { reason: 'unknown', message: `The connection to ${url.host} broke before it answered.` };
}

async function answered(
  response: Response,
  url: URL,
  { nowMs }: NodeContext,
): Promise<Result<{ output: unknown }, NodeFailure>> {
  const { status } = response;
  const bytes = await boundedBytes(response).catch(() => null);
  if (bytes === null)
    return err({
      reason: 'unknown',
      message: `The connection to ${url.host} broke in the middle of its answer.`,
    });
  if (bytes === 'too_large')
    return err({
      reason: 'refused',
      field: 'url',
      message: `${url.host} answered with more than ${MAX_ANSWER_BYTES / 1024 / 1024} MB, which is the most a node takes.`,
    });
  const contentType = response.headers.get('content-type') ?? '';
  if (!response.ok) {
    const text = isText(contentType) ? new TextDecoder().decode(bytes).replace(/\s+/g, ' ').trim() : '';
    const waitMs = retryAfterMs(response.headers.get('retry-after'), nowMs);
    return err({
      reason: failureOfStatus(status),
      message: `${url.host} answered ${status}${text ? `: ${text.slice(0, MAX_ERROR_CHARS)}` : ''}`,
      ...(waitMs === null ? {} : { retryAfterMs: waitMs }),
    });
  }
  const headers = Object.fromEntries([...response.headers].filter(([name]) => name !== 'set-cookie'));
  return ok({ output: { status, headers, ...bodyOf(bytes, contentType) } });
}

/** The whole body while it is small enough; what is too large is not read to its end. */
async function boundedBytes(response: Response): Promise<Uint8Array | 'too_large'> {
  const declared = Number(response.headers.get('content-length') ?? 0);
  const reader = response.body?.getReader();
  if (!reader) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    if (declared > MAX_ANSWER_BYTES || size > MAX_ANSWER_BYTES) {
      await reader.cancel().catch(() => {});
      return 'too_large';
    }
    const { value, done } = await reader.read();
    if (done) break;
    chunks.push(value);
    size += value.length;
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

const isText = (contentType: string) =>
  contentType === '' || /^text\/|json|xml|javascript|x-www-form-urlencoded|csv|yaml/i.test(contentType);

/** JSON parsed, texts as they are, anything else in base64 with a word that says so. */
function bodyOf(bytes: Uint8Array, contentType: string): { body: unknown; bodyEncoding?: 'base64' } {
  if (bytes.length === 0) return { body: null };
  if (!isText(contentType)) {
    let binary = '';
    for (let at = 0; at < bytes.length; at += 32_768)
      binary += String.fromCharCode(...bytes.subarray(at, at + 32_768));
    return { body: btoa(binary), bodyEncoding: 'base64' };
  }
  const text = new TextDecoder().decode(bytes);
  if (/json/i.test(contentType) || contentType === '')
    try {
      return { body: JSON.parse(text) as unknown };
    } catch {
      // it says JSON and is none: the text is all there is
    }
  return { body: text };
}
