/** The built-in provider: no key, no network, the same wire format and the same code path as the real ones. */
import { z } from 'zod';
import { defineProvider, type Connection } from '../domain/contracts/provider.ts';
import { SANDBOX_MODELS, sandboxFetch } from './sandbox/server.ts';
import { forwardOpenai, listOpenaiModels } from './transport/openai-http.ts';

const ADDRESS = 'http://sandbox.invalid/v1';
const placed = (connection: Connection) => ({ ...connection, apiKey: 'sandbox', baseUrl: ADDRESS });

export const sandbox = defineProvider({
  id: 'sandbox',
  label: 'Sandbox (built in)',
  connectSchema: z.strictObject({}),
  needsKey: false,
  formats: ['openai_chat', 'openai_responses', 'openai_embeddings'],
  defaultBaseUrl: ADDRESS,
  models: SANDBOX_MODELS,
  test: (connection, deps) => listOpenaiModels(placed(connection), { ...deps, fetch: sandboxFetch(deps) }),
  forward: (request, connection, deps) =>
    forwardOpenai(request, placed(connection), { ...deps, fetch: sandboxFetch(deps) }),
});
