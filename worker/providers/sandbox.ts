/** The built-in provider: no key, no network, the same wire format and the same code path as the real ones. */
import { z } from 'zod';
import { defineProvider, type Connection } from '../domain/contracts/provider.ts';
import { geminiSandboxFetch } from './sandbox/gemini.ts';
import { SANDBOX_MODELS, sandboxFetch } from './sandbox/server.ts';
import { forwardGemini } from './transport/gemini-http.ts';
import { forwardOpenai, listOpenaiModels } from './transport/openai-http.ts';

const HOST = 'http://sandbox.invalid';
const ADDRESS = `${HOST}/v1`;
const placed = (connection: Connection) => ({ ...connection, apiKey: 'sandbox', baseUrl: ADDRESS });

export const sandbox = defineProvider({
  id: 'sandbox',
  label: 'Sandbox (built in)',
  connectSchema: z.strictObject({}),
  needsKey: false,
  formats: ['openai_chat', 'gemini_generate'],
  defaultBaseUrl: ADDRESS,
  models: SANDBOX_MODELS,
  test: (connection, deps) => listOpenaiModels(placed(connection), { ...deps, fetch: sandboxFetch(deps) }),
  forward(request, connection, deps) {
    const here = placed(connection);
    return request.format === 'gemini_generate'
      ? forwardGemini(request, { ...here, baseUrl: HOST }, { ...deps, fetch: geminiSandboxFetch(deps) })
      : forwardOpenai(request, here, { ...deps, fetch: sandboxFetch(deps) });
  },
});
