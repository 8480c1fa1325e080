/**
 * Any server that speaks OpenAI's dialect: OpenRouter, Groq, Mistral, DeepSeek, Together, Azure OpenAI, Ollama, vLLM and their like.
 * Where its address is known, its published prices hold; else what the team says (free, or a price per model).
 */
import { z } from 'zod';
import { defineProvider, type Connection } from '../domain/contracts/provider.ts';
import { forwardOpenai, listOpenaiModels } from './transport/openai-http.ts';

/** Azure takes the key in a header of its own, and names its API version in the address unless that is its newer /v1. */
const AZURE =
  /^https:\/\/[^/]+\.(openai\.azure\.com|cognitiveservices\.azure\.com|services\.ai\.azure\.com)(\/|$)/;

const connectSchema = z.strictObject({
  baseUrl: z
    .url({ protocol: /^https?$/ })
    .meta({ title: 'Base URL', description: 'Up to where /chat/completions begins, mostly with /v1.' }),
  apiVersion: z
    .string()
    .regex(/^[\w.-]{1,40}$/, 'must be like 2024-10-21')
    .optional()
    .meta({ title: 'API version', description: 'Azure OpenAI only, for addresses without /v1.' }),
  keyHeader: z
    .enum(['authorization', 'api-key'])
    .optional()
    .meta({ title: 'Key header', description: 'Azure takes api-key, the others authorization.' }),
});

function withKey(connection: Connection): Record<string, string> {
  const { apiKey, baseUrl, options = {}, headers } = connection;
  const header = options.keyHeader ?? (AZURE.test(baseUrl ?? '') ? 'api-key' : 'authorization');
  // The transport sends what stands in `authorization` itself, and nothing where another header has the key.
  return header === 'api-key' && apiKey !== '' ? { 'api-key': apiKey, ...headers } : headers;
}

/** The address of a call of `model`; of the list of models without one. Azure's older API has a path per deployment. */
function addressOf({ baseUrl, options = {} }: Connection, model: string | null): string {
  const { apiVersion } = options;
  const base = (baseUrl ?? '').replace(/\/+$/, '');
  if (apiVersion === undefined) return base;
  const resource = base.replace(/\/openai(\/deployments(\/[^/]+)?)?$/, '');
  const named = /\/openai\/deployments\/([^/]+)$/.exec(base)?.[1];
  const path = model === null ? '/openai' : `/openai/deployments/${named ?? encodeURIComponent(model)}`;
  return `${resource}${path}?api-version=${apiVersion}`;
}

const placed = (connection: Connection, model: string | null) => ({
  ...connection,
  headers: withKey(connection),
  baseUrl: addressOf(connection, model),
});

export const openaiCompatible = defineProvider({
  id: 'openai-compatible',
  label: 'OpenAI-compatible server',
  connectSchema,
  needsKey: true,
  keyOptional: true,
  mayBeFree: true,
  formats: ['openai_chat', 'openai_responses', 'openai_embeddings'],
  defaultBaseUrl: null,
  models: [],
  test: (connection, deps) => listOpenaiModels(placed(connection, null), deps),
  forward: (request, connection, deps) =>
    forwardOpenai(request, placed(connection, String(request.body.model)), deps),
});
