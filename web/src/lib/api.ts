/** The only file of the web that speaks to the network: a typed client of our own API, and what its refusals look like. */
import { hc } from 'hono/client';
import type { Api } from '../../../worker/http/app.ts';

/** `fetch` is SvelteKit's event.fetch while rendering, the window's afterwards. */
export const apiClient = (fetch: typeof globalThis.fetch = globalThis.fetch, origin = '') =>
  hc<Api>(origin || '/', { fetch });

export interface ApiProblem {
  /** the HTTP status; 0 when no answer came */
  status: number;
  code: string;
  message: string;
  requestId: string;
  issues: { path: string; message: string }[];
  details: Record<string, unknown>;
}

/** Reads an error answer; a body that is not ours still gives an honest sentence. */
export async function problemOf(response: Response): Promise<ApiProblem> {
  const body = (await response.json().catch(() => null)) as { error?: Record<string, unknown> } | null;
  const { code, message, request_id, issues, ...details } = body?.error ?? {};
  return {
    status: response.status,
    code: typeof code === 'string' ? code : 'unknown',
    message: typeof message === 'string' ? message : `The server answered ${response.status}.`,
    requestId: typeof request_id === 'string' ? request_id : (response.headers.get('x-request-id') ?? ''),
    issues: Array.isArray(issues) ? (issues as ApiProblem['issues']) : [],
    details,
  };
}

/** No answer came: offline, or the server is gone. Never to be read as "no" or as an empty list. */
export const unreachable = (cause: unknown): ApiProblem => ({
  status: 0,
  code: 'unreachable',
  message: 'The server could not be reached.',
  requestId: '',
  issues: [],
  details: { cause: String(cause) },
});

export type Answer<T> = { ok: true; data: T } | { ok: false; problem: ApiProblem };

/** The team this tab shows: sent with every call of the browser, so that a tab never acts in a team it does not show. */
let tabTeamId: string | null = null;
export function actInTeam(teamId: string | null) {
  if (typeof window !== 'undefined') tabTeamId = teamId;
}

export interface CallOptions {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** sent as JSON */
  json?: unknown;
  /** null and '' are left out */
  query?: Record<string, string | number | boolean | null | undefined>;
  /** for every POST that costs or creates: a retry gives the first answer */
  idempotencyKey?: string;
  signal?: AbortSignal;
  fetch?: typeof globalThis.fetch;
  teamId?: string;
}

/** One request to our API; gives the raw Response (streams). Throws when no answer came. */
export function send(path: string, options: CallOptions = {}): Promise<Response> {
  const query = Object.entries(options.query ?? {}).filter(
    (entry) => entry[1] !== null && entry[1] !== undefined && entry[1] !== '',
  );
  const search = query.length
    ? `?${new URLSearchParams(query.map(([name, value]) => [name, String(value)]))}`
    : '';
  const headers = new Headers();
  if (options.json !== undefined) headers.set('content-type', 'application/json');
  if (options.idempotencyKey) headers.set('idempotency-key', options.idempotencyKey);
  const teamId = options.teamId ?? tabTeamId;
  if (teamId) headers.set('x-team-id', teamId);
  return (options.fetch ?? globalThis.fetch)(path + search, {
    method: options.method ?? 'GET',
    headers,
    body: options.json === undefined ? undefined : JSON.stringify(options.json),
    signal: options.signal,
  });
}

/** One request to our API, its answer or its problem as a value. Never throws. */
export async function call<T>(path: string, options: CallOptions = {}): Promise<Answer<T>> {
  try {
    const response = await send(path, options);
    if (!response.ok) return { ok: false, problem: await problemOf(response) };
    return { ok: true, data: (response.status === 204 ? null : await response.json()) as T };
  } catch (cause) {
    return { ok: false, problem: unreachable(cause) };
  }
}

/** The address of this tab's live socket. */
export const liveAddress = (): string =>
  `${location.origin.replace(/^http/, 'ws')}/api/live${tabTeamId ? `?team=${encodeURIComponent(tabTeamId)}` : ''}`;

/** Sends a file as the body, with progress (0 to 1) and a way to stop: `problem: null` when it was stopped. XMLHttpRequest, because fetch tells nothing of what has been sent. */
export function uploadFile<T>(
  path: string,
  options: {
    body: Blob;
    type: string;
    query: Record<string, string>;
    onprogress: (share: number) => void;
  },
): {
  done: Promise<{ ok: true; data: T } | { ok: false; problem: ApiProblem | null }>;
  cancel: () => void;
} {
  const request = new XMLHttpRequest();
  const done = new Promise<{ ok: true; data: T } | { ok: false; problem: ApiProblem | null }>((answer) => {
    request.open('POST', `${path}?${new URLSearchParams(options.query)}`);
    request.setRequestHeader('content-type', options.type);
    if (tabTeamId) request.setRequestHeader('x-team-id', tabTeamId);
    request.upload.onprogress = (event) =>
      event.lengthComputable && options.onprogress(event.loaded / event.total);
    request.onload = async () => {
      const response = new Response(request.responseText, {
        status: request.status,
        headers: { 'x-request-id': request.getResponseHeader('x-request-id') ?? '' },
      });
      if (!response.ok) return answer({ ok: false, problem: await problemOf(response) });
      try {
        answer({ ok: true, data: (await response.json()) as T });
      } catch (cause) {
        answer({ ok: false, problem: unreachable(cause) });
      }
    };
    request.onerror = () => answer({ ok: false, problem: unreachable('upload') });
    request.onabort = () => answer({ ok: false, problem: null });
    request.send(options.body);
  });
  return { done, cancel: () => request.abort() };
}
