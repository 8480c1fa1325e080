/** What a workflow is made of: the one schema of a definition, strict, so that a misspelt field is named and not lost. */
import { z } from 'zod';

/** Ids of nodes are names in expressions (`nodes.<id>`): letters, digits, _ and -. */
const nodeId = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[A-Za-z_][\w-]*$/, 'must begin with a letter and hold only letters, digits, _ and -');

export const retrySchema = z.strictObject({
  /** attempts in all, the first included */
  maxAttempts: z.int().min(1).max(20).default(3),
  intervalMs: z.int().min(0).max(3_600_000).default(1000),
  /** each wait is the one before times this */
  rate: z.number().min(1).max(10).default(2),
  maxDelayMs: z.int().min(0).max(86_400_000).default(60_000),
});
export type RetryPolicy = z.infer<typeof retrySchema>;
export const DEFAULT_RETRY: RetryPolicy = retrySchema.parse({});

const MAX_DEPTH = 32;

/** Walks level by level, not by recursion: hostile nesting must not end the stack. */
function deeperThan(value: unknown, levels: number): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > levels) return true;
    level = level.flatMap((item) => (item !== null && typeof item === 'object' ? Object.values(item) : []));
  }
  return false;
}

export const nodeSchema = z.strictObject({
  id: nodeId,
  kind: z.string().min(1).max(64),
  name: z.string().max(200).optional(),
  position: z
    .strictObject({ x: z.number().min(-1e7).max(1e7), y: z.number().min(-1e7).max(1e7) })
    .default({ x: 0, y: 0 }),
  /** the map this node stands in */
  parentId: nodeId.optional(),
  /** checked by the kind's own schema */
  config: z
    .record(z.string(), z.unknown())
    .refine((config) => !deeperThan(config, MAX_DEPTH), `is nested deeper than ${MAX_DEPTH} levels`)
    .default({}),
  onError: z.enum(['stop', 'continue', 'error']).optional(),
  retry: retrySchema.partial().optional(),
  timeoutMs: z.int().min(1).max(86_400_000).optional(),
});
export type WorkflowNode = z.infer<typeof nodeSchema>;

export const edgeSchema = z.strictObject({
  id: z.string().min(1).max(200),
  source: nodeId,
  sourceHandle: z.string().max(64).nullish(),
  target: nodeId,
});
export type WorkflowEdge = z.infer<typeof edgeSchema>;

export const settingsSchema = z.strictObject({
  /** sequential: one node at a time; parallel (default): independent branches overlap */
  mode: z.enum(['parallel', 'sequential']).optional(),
  /** runs of this workflow at one time */
  maxConcurrent: z.int().min(1).max(1000).optional(),
  /** the whole run's time, pauses not counted */
  timeoutMs: z.int().min(1).max(604_800_000).optional(),
  onError: z.enum(['stop', 'continue']).optional(),
  /** the run's own hard budget; 0 = spend nothing, null or absent = none */
  budgetNanoUsd: z.int().min(0).nullish(),
  tags: z.array(z.string().min(1).max(64)).max(20).optional(),
});

export const definitionSchema = z.strictObject({
  name: z.string().trim().min(1).max(200),
  description: z.string().max(2000).optional(),
  nodes: z.array(nodeSchema).max(500),
  edges: z.array(edgeSchema).max(2000),
  settings: settingsSchema.default({}),
});
/** A definition as it is stored and run. */
export type Definition = z.infer<typeof definitionSchema>;
export type DefinitionInput = z.input<typeof definitionSchema>;
