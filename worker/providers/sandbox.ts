/** The built-in provider: no key, no network, the same wire format and the same code path as the real ones. */
import { z } from 'zod';
import { defineProvider, type Connection } from '../domain/contracts/provider.ts';
import { SANDBOX_MODELS, sandboxFetch } from './sandbox/server.ts';
import { forwardAnthropic } from './transport/anthropic-http.ts';
import { forwardOpenai, listOpenaiModels } from './transport/openai-http.ts';

const ORIGIN = 'http://sandbox.invalid';
const ADDRESS = `${ORIGIN}/v1`;
const placed = (connection: Connection, baseUrl = ADDRESS) => ({ ...connection, apiKey: 'sandbox', baseUrl });

export const sandbox = defineProvider({
  id: 'sandbox',
  label: 'Sandbox (built in)',
  connectSchema: z.strictObject({}),
  needsKey: false,
  formats: ['openai_chat', 'openai_responses', 'openai_embeddings', 'anthropic_messages'],
  defaultBaseUrl: ADDRESS,
  models: SANDBOX_MODELS,
  test: (connection, deps) => listOpenaiModels(placed(connection), { ...deps, fetch: sandboxFetch(deps) }),
  forward(request, connection, deps) {
    const here = { ...deps, fetch: sandboxFetch(deps) };
    return request.format === 'anthropic_messages'
      ? forwardAnthropic(request, placed(connection, ORIGIN), here)
      : forwardOpenai(request, placed(connection), here);
  },
});
