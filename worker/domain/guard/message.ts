/** A guardrail's no in words, without a word of the call. */
import type { GuardrailBlocked } from '../refusal.ts';

export function blockedMessage({ of, rule, field, limit, pattern }: GuardrailBlocked): string {
  const whose = of === 'team' ? "The team's guardrails" : "The API key's guardrails";
  switch (rule) {
    case 'denied_models':
      return `${whose} forbid this model.`;
    case 'allowed_models':
      return `${whose} allow other models only.`;
    case 'max_input_tokens':
      return `${whose} allow at most ${limit} input tokens, and this call has more.`;
    case 'blocked_pattern':
      return `${whose} forbid what stands in ${field} (rule "${pattern}").`;
    default:
      return rule satisfies never;
  }
}
