/** GET /api/node-types: the registry of node kinds, with the JSON schema of each configuration. */
import { createRoute, z } from '@hono/zod-openapi';
import { NODE_TYPES } from '../nodes/registry.ts';
import { answers, newRoutes } from './routes.ts';

export const nodeTypeSchema = z
  .object({
    kind: z.string(),
    label: z.string(),
    description: z.string(),
    category: z.enum(['trigger', 'data', 'ai', 'logic', 'output', 'action']),
    /** lucide icon name */
    icon: z.string(),
    /** names of the outputs; one unnamed output when empty */
    handles: z.array(z.string()),
    configSchema: z.record(z.string(), z.unknown()),
    defaultConfig: z.record(z.string(), z.unknown()),
    /** fields that hold a JSONata expression */
    expressionFields: z.array(z.string()),
    /** fields that hold a template when there is `{{` in them, else an expression */
    eitherFields: z.array(z.string()),
    execution: z.enum(['inline', 'io', 'scope', 'wait']),
    paid: z.boolean(),
  })
  .openapi('NodeType');

const data = NODE_TYPES.map((type) => ({
  kind: type.kind as string,
  label: type.label,
  description: type.description,
  category: type.category,
  icon: type.icon,
  handles: [...type.handles],
  configSchema: z.toJSONSchema(type.configSchema, { io: 'input' }) as Record<string, unknown>,
  defaultConfig: type.defaultConfig,
  expressionFields: [...type.expressionFields],
  eitherFields: [...(type.eitherFields ?? [])],
  execution: type.execution,
  paid: type.paid,
}));

export const nodeTypes = newRoutes().openapi(
  createRoute({
    method: 'get',
    path: '/api/node-types',
    summary: 'The kinds of nodes a workflow can be made of',
    responses: answers(200, 'Every kind.', z.object({ data: z.array(nodeTypeSchema) })),
  }),
  (c) => c.json({ data }, 200),
);
