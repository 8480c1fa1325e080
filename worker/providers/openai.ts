/** OpenAI, and servers that stand in for it at another base URL; others are connected as openai-compatible. */
import { z } from 'zod';
import { defineProvider, type Connection } from '../domain/contracts/provider.ts';
import { forwardOpenai, listOpenaiModels } from './transport/openai-http.ts';

const DEFAULT_BASE_URL = 'https://api.openai.com/v1';
const placed = (connection: Connection) => ({
  ...connection,
  baseUrl: connection.baseUrl ?? DEFAULT_BASE_URL,
});

export const openai = defineProvider({
  id: 'openai',
  label: 'OpenAI',
  connectSchema: z.strictObject({
    baseUrl: z
      .url({ protocol: /^https?$/ })
      .optional()
      .meta({ title: 'Base URL', description: 'Another address of the API, with /v1.' }),
    serviceTier: z.enum(['default', 'priority']).optional().meta({
      title: 'Service tier of the project',
      description: 'As set in OpenAI’s project: calls that name none are held at its price.',
    }),
  }),
  needsKey: true,
  unsaid: ({ options }) => (options?.serviceTier ? { service_tier: options.serviceTier } : {}),
  formats: ['openai_chat', 'openai_responses', 'openai_embeddings'],
  defaultBaseUrl: DEFAULT_BASE_URL,
  models: [],
  test: (connection, deps) => listOpenaiModels(placed(connection), deps),
  forward: (request, connection, deps) => forwardOpenai(request, placed(connection), deps),
});
