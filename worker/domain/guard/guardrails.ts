/** What a team, or one key of it, forbids its calls: looked at before any money is held and before anything is sent. */
import { z } from 'zod';
import type { GuardrailBlocked } from '../refusal.ts';
import { blockedText } from './blocked-text.ts';
import { isListed, type NamedModel } from './model-names.ts';

const modelPattern = z.string().trim().min(1).max(200);
/** Of a key and of a team alike. */
export const modelRules = {
  /** names and patterns with `*`; null = every model */
  allowedModels: z.array(modelPattern).max(100).nullable(),
  /** stronger than what is allowed */
  deniedModels: z.array(modelPattern).max(100),
  /** as we count them, which is never below the truth; null = without end */
  maxInputTokens: z.int().min(1).max(100_000_000).nullable(),
};

export const guardrailsSchema = z.strictObject({
  ...modelRules,
  /** texts that must not be sent; `*` stands for any characters of the same line */
  blockedPatterns: z
    .array(
      z.strictObject({
        name: z.string().trim().min(1).max(60),
        pattern: z
          .string()
          .min(3)
          .max(200)
          .refine((text) => text.split('*').some((part) => part.trim().length >= 3), {
            message: 'needs three characters in a row beside `*`',
          })
          .refine((text) => !/[\r\n]/.test(text), { message: 'is one line' }),
      }),
    )
    .max(50),
});
export type Guardrails = z.infer<typeof guardrailsSchema>;

export const NO_GUARDRAILS: Guardrails = {
  allowedModels: null,
  deniedModels: [],
  maxInputTokens: null,
  blockedPatterns: [],
};

/** Whose rules they are: both are looked at, and either may refuse. */
export interface Rails {
  of: 'team' | 'key';
  rules: Guardrails;
}

export interface GuardedCall {
  provider: string;
  /** every model that may answer: the one the call is for first */
  names: readonly NamedModel[];
  body: Readonly<Record<string, unknown>>;
  /** upper bound; null where nothing is counted (a free count of tokens) */
  inputTokens: number | null;
}

/** The first rule that the call breaks; null when it breaks none. */
export function brokenRule(rails: readonly Rails[], call: GuardedCall): GuardrailBlocked | null {
  for (const { of, rules } of rails) {
    const broken = brokenBy(rules, call);
    if (broken) return { reason: 'guardrail_blocked', of, ...broken };
  }
  return null;
}

function brokenBy(
  { allowedModels, deniedModels, maxInputTokens, blockedPatterns }: Guardrails,
  call: GuardedCall,
): Omit<GuardrailBlocked, 'reason' | 'of'> | null {
  const { provider, names } = call;
  if (names.some((name) => isListed(deniedModels, provider, name)))
    return { rule: 'denied_models', field: 'model' };
  if (allowedModels !== null && !names.every((name) => isListed(allowedModels, provider, name)))
    return { rule: 'allowed_models', field: 'model' };
  if (maxInputTokens !== null && call.inputTokens !== null && call.inputTokens > maxInputTokens)
    return { rule: 'max_input_tokens', field: 'body', limit: maxInputTokens };
  const text = blockedText(call.body, blockedPatterns);
  return text && { rule: 'blocked_pattern', field: text.field, pattern: text.name };
}
