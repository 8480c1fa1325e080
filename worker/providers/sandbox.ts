/** The built-in provider: no key, no network, the same wire format and the same code path as the real ones. */
import { z } from 'zod';
import { defineProvider, type Connection, type ProviderDeps } from '../domain/contracts/provider.ts';
import { geminiSandboxFetch } from './sandbox/gemini.ts';
import { SANDBOX_MODELS, sandboxFetch } from './sandbox/server.ts';
import { forwardAnthropic } from './transport/anthropic-http.ts';
import { forwardGemini } from './transport/gemini-http.ts';
import { forwardOpenai, listOpenaiModels } from './transport/openai-http.ts';

const ORIGIN = 'http://sandbox.invalid';
const ADDRESS = `${ORIGIN}/v1`;
/** Its way out, one for each record of deps: a transport keeps its client by it. */
const ways = new WeakMap<ProviderDeps, { all: ProviderDeps; gemini: ProviderDeps }>();
function wayIn(deps: ProviderDeps) {
  let way = ways.get(deps);
  if (!way) {
    way = {
      all: { ...deps, fetch: sandboxFetch(deps) },
      gemini: { ...deps, fetch: geminiSandboxFetch(deps) },
    };
    ways.set(deps, way);
  }
  return way;
}
const placed = (connection: Connection, baseUrl = ADDRESS) => ({ ...connection, apiKey: 'sandbox', baseUrl });

export const sandbox = defineProvider({
  id: 'sandbox',
  label: 'Sandbox (built in)',
  connectSchema: z.strictObject({}),
  needsKey: false,
  formats: ['openai_chat', 'openai_responses', 'openai_embeddings', 'anthropic_messages', 'gemini_generate'],
  defaultBaseUrl: ADDRESS,
  models: SANDBOX_MODELS,
  test: (connection, deps) => listOpenaiModels(placed(connection), wayIn(deps).all),
  forward(request, connection, deps) {
    const here = wayIn(deps);
    switch (request.format) {
      case 'anthropic_messages':
        return forwardAnthropic(request, placed(connection, ORIGIN), here.all);
      case 'gemini_generate':
        return forwardGemini(request, placed(connection, ORIGIN), here.gemini);
      default:
        return forwardOpenai(request, placed(connection), here.all);
    }
  },
});
