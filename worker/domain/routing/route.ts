/** A route: a name that callers use as a model, the models behind it, and how failures are met. Pure data with its own validation. */
import { z } from 'zod';

export const STRATEGIES = ['fallback', 'weighted'] as const;
/** More targets or attempts than these help nobody who waits for an answer. */
export const MAX_TARGETS = 10;
export const MAX_ATTEMPTS_PER_TARGET = 5;

/** No comma (x-pm-fallback is a list) and no space. */
export const routeName = z
  .string()
  .trim()
  .min(1)
  .max(100)
  .regex(/^[\w.:/@+-]+$/, 'may have letters, digits and . _ - : / @ +');

export const targetSchema = z.strictObject({
  /** a model as a caller would name it: "gpt-4o" or "<provider>/<model>"; never another route */
  model: z.string().trim().min(1).max(200),
  /** id of the connection to take; absent = the one a caller of this model would get */
  connection: z.string().min(1).max(100).optional(),
  /** weighted: its share of first choices among all weights; 0 = only when others failed. Default 1 */
  weight: z.int().min(0).max(1_000_000).optional(),
  /** how long one attempt may take to answer (a stream: to begin) before it counts as failed */
  timeoutMs: z.int().min(100).max(600_000).optional(),
  /** how long its stream may be silent before it is cut and counts as failed; default 300,000 */
  idleTimeoutMs: z.int().min(100).max(600_000).optional(),
  /** in place of the route's own */
  maxAttempts: z.int().min(1).max(MAX_ATTEMPTS_PER_TARGET).optional(),
});
export type Target = z.infer<typeof targetSchema>;

export const retrySchema = z.strictObject({
  /** attempts per target, the first included */
  maxAttempts: z.int().min(1).max(MAX_ATTEMPTS_PER_TARGET).default(2),
  /** the longest first wait; it doubles with each attempt, up to maxMs, and a random part of it is waited */
  baseMs: z.int().min(1).max(60_000).default(250),
  maxMs: z.int().min(1).max(60_000).default(4_000),
});
export type Retry = z.infer<typeof retrySchema>;

/** A change names what it changes. */
export const routeChangeSchema = z.strictObject({
  name: routeName.optional(),
  targets: z.array(targetSchema).min(1).max(MAX_TARGETS).optional(),
  strategy: z.enum(STRATEGIES).optional(),
  retry: retrySchema.optional(),
});

/** What a team defines. Names of models and connections are checked where those are known (worker/http/model-routes.ts). */
export const routeSchema = z
  .strictObject({
    name: routeName,
    targets: z.array(targetSchema).min(1).max(MAX_TARGETS),
    strategy: z.enum(STRATEGIES).default('fallback'),
    retry: retrySchema.default(() => retrySchema.parse({})),
  })
  .superRefine(({ targets, strategy, retry }, context) => {
    const issue = (path: PropertyKey[], message: string) =>
      context.addIssue({ code: 'custom', path, message });
    if (retry.maxMs < retry.baseMs) issue(['retry', 'maxMs'], 'must not be below baseMs');
    if (strategy === 'weighted' && targets.every(({ weight }) => weight === 0))
      issue(['targets'], 'at least one target needs a weight above 0');
    const seen = new Set<string>();
    targets.forEach(({ model, connection }, index) => {
      const place = `${connection ?? ''} ${model}`;
      if (seen.has(place)) issue(['targets', index, 'model'], 'stands in this route twice');
      seen.add(place);
    });
  });
export type Route = z.infer<typeof routeSchema>;
