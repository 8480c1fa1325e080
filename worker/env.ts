/** Vars and secrets, parsed once. Bindings are typed by `wrangler types` (worker-configuration.d.ts). */
import { z } from 'zod';
import { deploymentPriceSchema } from './domain/cost/price-input.ts';

const url = z.url({ protocol: /^https?$/ });
const flag = z.enum(['0', '1']).transform((value) => value === '1');

/** A var that is JSON text; wrangler hands some over parsed. */
const jsonOf = <S extends z.ZodType>(schema: S) =>
  z
    .unknown()
    .transform((value, context) => {
      if (typeof value !== 'string') return value;
      try {
        return JSON.parse(value) as unknown;
      } catch {
        context.issues.push({ code: 'custom', message: 'must be JSON', input: value });
        return z.NEVER;
      }
    })
    .pipe(schema);

export const varsSchema = z.object({
  OPENAI_BASE_URL: url.optional(),
  OPENAI_API_KEY: z.string().min(1).optional(),
  ANTHROPIC_BASE_URL: url.optional(),
  ANTHROPIC_API_KEY: z.string().min(1).optional(),
  GEMINI_BASE_URL: url.optional(),
  GEMINI_API_KEY: z.string().min(1).optional(),
  ALLOW_PRIVATE_NETWORK: flag.default(false),
  /** 32 bytes, base64: wraps the teams' data keys */
  MASTER_KEY: z.string().refine((value) => /^[A-Za-z0-9+/]{43}=$/.test(value), 'must be 32 bytes in base64'),
  /** the address people open; cookies and links are made for it */
  PUBLIC_URL: url.optional(),
  /** the local launcher's own password for /api/operator/*; absent = there are no such routes */
  OPERATOR_TOKEN: z.string().min(24).optional(),
  /** JSON array of prices over the shipped ones, below a team's own */
  PRICE_OVERRIDES: jsonOf(z.array(deploymentPriceSchema).max(1_000)).optional(),
  SMTP_URL: z.url({ protocol: /^smtps?$/ }).optional(),
});
export type Vars = z.infer<typeof varsSchema>;

const parsed = new WeakMap<object, Vars>();

/** Throws with the variable's name when one is malformed; the launcher checks the same schema before it starts. */
export function varsOf(env: Env): Vars {
  let vars = parsed.get(env);
  if (!vars) parsed.set(env, (vars = varsSchema.parse(env)));
  return vars;
}
