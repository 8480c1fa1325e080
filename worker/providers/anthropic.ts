/** Anthropic, and every server that speaks its messages API at another base URL. */
import { z } from 'zod';
import { defineProvider, type Connection } from '../domain/contracts/provider.ts';
import { countAnthropic, forwardAnthropic, listAnthropicModels } from './transport/anthropic-http.ts';

const DEFAULT_BASE_URL = 'https://api.anthropic.com';
/** Base URLs are meant without /v1, as the official client takes them; with it they work too. */
const placed = (connection: Connection) => ({
  ...connection,
  baseUrl: (connection.baseUrl ?? DEFAULT_BASE_URL).replace(/\/+(v1\/*)?$/, ''),
});

export const anthropic = defineProvider({
  id: 'anthropic',
  label: 'Anthropic',
  connectSchema: z.strictObject({
    baseUrl: z
      .url({ protocol: /^https?$/ })
      .optional()
      .meta({ title: 'Base URL', description: 'Another address of the API, without /v1.' }),
    inferenceGeo: z.enum(['global', 'us']).optional().meta({
      title: 'Region of the workspace',
      description: 'As set in Anthropic’s workspace: calls that name none are held at its price.',
    }),
  }),
  needsKey: true,
  unsaid: ({ options }) => (options?.inferenceGeo ? { inference_geo: options.inferenceGeo } : {}),
  formats: ['anthropic_messages'],
  defaultBaseUrl: DEFAULT_BASE_URL,
  models: [],
  test: (connection, deps) => listAnthropicModels(placed(connection), deps),
  forward: (request, connection, deps) => forwardAnthropic(request, placed(connection), deps),
  countInput: (request, connection, deps) => countAnthropic(request, placed(connection), deps),
});
