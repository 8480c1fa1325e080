/** One call to each paid address of the gateway, in its own format, and what an error must look like there. */
import { expect } from 'vitest';
import type { Started } from './server.ts';
import type { Kind } from './scripted-upstream.ts';

interface Address {
  path: (stream: boolean) => string;
  body: Record<string, unknown>;
  /** of the error's JSON */
  isError: (body: any) => boolean;
}

const messages = [{ role: 'user', content: 'Tell me a story.' }];
const openaiError = ({ error }: any) =>
  typeof error?.message === 'string' && typeof error.type === 'string' && 'param' in error && 'code' in error;

export const ADDRESSES: Record<Kind, Address> = {
  chat: {
    path: () => '/v1/chat/completions',
    body: { model: 'gpt-4o-mini', messages, max_tokens: 100 },
    isError: openaiError,
  },
  responses: {
    path: () => '/v1/responses',
    body: { model: 'gpt-4o-mini', input: 'Tell me a story.', max_output_tokens: 100 },
    isError: openaiError,
  },
  embeddings: {
    path: () => '/v1/embeddings',
    body: { model: 'text-embedding-3-small', input: 'Tell me a story.' },
    isError: openaiError,
  },
  messages: {
    path: () => '/v1/messages',
    body: { model: 'claude-sonnet-4-5', messages, max_tokens: 100 },
    isError: ({ type, error }) =>
      type === 'error' && typeof error?.type === 'string' && typeof error.message === 'string',
  },
  gemini: {
    path: (stream) =>
      `/v1beta/models/gemini-2.5-flash:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`,
    body: {
      contents: [{ role: 'user', parts: [{ text: 'Tell me a story.' }] }],
      generationConfig: { maxOutputTokens: 100 },
    },
    isError: ({ error }) =>
      Number.isInteger(error?.code) && typeof error.status === 'string' && typeof error.message === 'string',
  },
};

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
}

/** Sends `body` (an object, or text as it is) to the address; waits for the whole answer. */
export async function ask(
  server: Started,
  kind: Kind,
  {
    stream = false,
    body = {},
    text,
    headers = {},
    method = 'POST',
    signal,
  }: {
    stream?: boolean;
    /** beside the address's own body */
    body?: Record<string, unknown>;
    /** in place of it */
    text?: BodyInit | null;
    headers?: Record<string, string>;
    method?: string;
    signal?: AbortSignal;
  } = {},
): Promise<Answer> {
  const address = ADDRESSES[kind];
  const streaming = stream && kind !== 'gemini' ? { stream: true } : {};
  const sent = text === undefined ? JSON.stringify({ ...address.body, ...streaming, ...body }) : text;
  const response = await fetch(server.url + address.path(stream), {
    method,
    headers: { authorization: `Bearer ${server.apiKey}`, 'content-type': 'application/json', ...headers },
    ...(method === 'GET' || method === 'HEAD' || sent === null ? {} : { body: sent }),
    ...(signal ? { signal } : {}),
    ...(sent instanceof ReadableStream ? { duplex: 'half' } : {}),
  } as RequestInit);
  return { status: response.status, headers: response.headers, text: await response.text() };
}

/** The answer is an error in the address's own shape, and tells nothing of our insides. */
export function expectError(kind: Kind, { status, text, headers }: Answer, statuses: readonly number[]) {
  expect([status, text]).toEqual([expect.toBeOneOf([...statuses]), expect.anything()]);
  expect(headers.get('content-type')).toMatch(/application\/json/);
  expect([text, ADDRESSES[kind].isError(JSON.parse(text))]).toEqual([text, true]);
  expect(text).not.toMatch(
    /SQLITE|\bat .*\.(ts|js):\d|node_modules|pm_[a-z0-9]+_|sk-test|RangeError|TypeError/i,
  );
}

/** Nothing is held and the three sums are one, once everything has arrived. */
export const atRest = (server: Started) => server.api('GET', '/api/token-tracking/reconcile');
