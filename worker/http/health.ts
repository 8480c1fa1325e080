/** GET /api/health */
import { createRoute, z } from '@hono/zod-openapi';
import { answers, newRoutes } from './routes.ts';

export const VERSION = '0.1.0';

export const health = newRoutes().openapi(
  createRoute({
    method: 'get',
    path: '/api/health',
    summary: 'Is the server alive?',
    responses: answers(200, 'It is.', z.object({ status: z.literal('ok'), version: z.string() })),
  }),
  (c) => c.json({ status: 'ok' as const, version: VERSION }, 200),
);
