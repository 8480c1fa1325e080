import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { GoogleGenAI } from '@google/genai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { googleAt } from './scripted-gateway.ts';
import { eventually, freePort, freshFolder, startServer, type Started } from './server.ts';

const folder = freshFolder();
let server: Started;
let upstream: Server;
let ai: GoogleGenAI;
const seen: { url: string | undefined; key: unknown }[] = [];

const chunk = (text: string, written: number, finish?: string) => ({
  candidates: [
    { content: { role: 'model', parts: [{ text }] }, index: 0, ...(finish ? { finishReason: finish } : {}) },
  ],
  usageMetadata: {
    promptTokenCount: 20,
    candidatesTokenCount: written,
    thoughtsTokenCount: 30,
    totalTokenCount: 50 + written,
  },
  modelVersion: 'gemini-2.5-flash',
});

beforeAll(async () => {
  upstream = createServer((request, response) => {
    seen.push({ url: request.url, key: request.headers['x-goog-api-key'] });
    request.resume().on('end', () => {
      if (!request.url?.includes('alt=sse')) {
        response.writeHead(200, { 'content-type': 'application/json' });
        return response.end(JSON.stringify(chunk('An answer.', 10, 'STOP')));
      }
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(`data: ${JSON.stringify(chunk('An ', 4))}\r\n\r\n`);
      response.end(`data: ${JSON.stringify(chunk('answer.', 10, 'STOP'))}\r\n\r\n`);
    });
  });
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  server = await startServer({
    port: await freePort(),
    dataDir: folder.dataDir,
    env: {
      GEMINI_BASE_URL: `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`,
      GEMINI_API_KEY: 'AIza-test-key',
    },
  });
  ai = googleAt(server);
});
afterAll(async () => {
  await server.stop();
  upstream.closeAllConnections();
  await new Promise((resolve) => upstream.close(resolve));
  folder.remove();
});

/** gemini-2.5-flash: $0.30 in, $2.50 out per 1M tokens, thinking included: 20 x 300 + 40 x 2500 nano-USD. */
const BOOKED = {
  provider: 'gemini',
  model: 'gemini-2.5-flash',
  status: 'succeeded',
  source: 'reported',
  inputTokens: 20,
  outputTokens: 40,
  reasoningTokens: 30,
  costNanoUsd: 106_000,
};

describe('the official Gemini client with only base URL and key changed', () => {
  it('gets an answer and a stream, each on the ledger at its price with thinking', async () => {
    const model = 'gemini-2.5-flash';
    expect((await ai.models.generateContent({ model, contents: 'hi' })).text).toBe('An answer.');
    let text = '';
    for await (const part of await ai.models.generateContentStream({ model, contents: 'hi' }))
      text += part.text ?? '';
    expect(text).toBe('An answer.');
    expect(seen).toEqual([
      { url: '/v1beta/models/gemini-2.5-flash:generateContent', key: 'AIza-test-key' },
      { url: '/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse', key: 'AIza-test-key' },
    ]);
    const { body } = await eventually(
      () => server.api('GET', '/api/token-tracking/ledger?limit=2'),
      (answer) =>
        answer.body.data.filter(({ provider }: { provider: string }) => provider === 'gemini').length === 2,
    );
    expect(body.data).toMatchObject([BOOKED, BOOKED]);
  });
});
