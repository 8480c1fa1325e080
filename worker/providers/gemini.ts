/** Google's Gemini API, and every server that speaks it at another base URL. */
import { z } from 'zod';
import { defineProvider, type Connection } from '../domain/contracts/provider.ts';
import { forwardGemini, listGeminiModels } from './transport/gemini-http.ts';

const DEFAULT_BASE_URL = 'https://generativelanguage.googleapis.com';
const placed = (connection: Connection) => ({
  ...connection,
  baseUrl: connection.baseUrl ?? DEFAULT_BASE_URL,
});

export const gemini = defineProvider({
  id: 'gemini',
  label: 'Google Gemini',
  connectSchema: z.strictObject({
    baseUrl: z
      .url({ protocol: /^https?$/ })
      .optional()
      .meta({ title: 'Base URL', description: 'Another address of the API, without /v1beta.' }),
  }),
  needsKey: true,
  formats: ['gemini_generate'],
  defaultBaseUrl: DEFAULT_BASE_URL,
  models: [],
  test: (connection, deps) => listGeminiModels(placed(connection), deps),
  forward: (request, connection, deps) => forwardGemini(request, placed(connection), deps),
});
