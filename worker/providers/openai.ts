/** OpenAI, and every server that speaks its dialect at another base URL. */
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
  label: 'OpenAI and compatible servers',
  connectSchema: z.strictObject({ baseUrl: z.url({ protocol: /^https?$/ }).optional() }),
  needsKey: true,
  formats: ['openai_chat', 'openai_responses', 'openai_embeddings'],
  defaultBaseUrl: DEFAULT_BASE_URL,
  models: [],
  test: (connection, deps) => listOpenaiModels(placed(connection), deps),
  forward: (request, connection, deps) => forwardOpenai(request, placed(connection), deps),
});
