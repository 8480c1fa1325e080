/** The only file of the web that speaks to the network: a typed client of our own API. */
import { hc } from 'hono/client';
import type { Api } from '../../../worker/http/app.ts';

/** `fetch` is SvelteKit's event.fetch while rendering, the window's afterwards. */
export const apiClient = (fetch: typeof globalThis.fetch = globalThis.fetch, origin = '') =>
  hc<Api>(origin || '/', { fetch });

export interface ApiProblem {
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
