/** How a Claude is told to think, and how much it may write: both share one number there. */
import type { ConversionTarget } from '../../domain/contracts/provider.ts';
import type { Json } from '../formats/json.ts';
import type { Conversation, Effort } from './conversation.ts';
import type { NamedField } from './dialect.ts';
import { budgetOfEffort, effortOfBudget } from './reasoning.ts';

/**
 * Anthropic wants a maximum on every request. Where the caller names none and the model's own is not known, it is this: every Claude
 * since 3.5 may write so much, and a reservation for it stays small. Thinking comes on top of it.
 */
export const DEFAULT_MAX_TOKENS = 8_192;
const OLDER = /claude-(2|instant|3-(haiku|opus|sonnet))/;
const OLDER_MAX_TOKENS = 4_096;

/** Smallest budget that is taken; it must also stay below max_tokens. */
const LEAST_BUDGET = 1_024;

interface Thinking {
  thinking: Json | null;
  effort: string | null;
  maxTokens: number;
}

export function thinkingFor(
  conversation: Conversation,
  { model, maxOutputTokens }: ConversionTarget,
  cannot: (field: NamedField, why: string) => void,
): Thinking {
  const { reasoning, maxOutputTokens: asked } = conversation;
  const usual = OLDER.test(model) ? OLDER_MAX_TOKENS : DEFAULT_MAX_TOKENS;
  const maxTokens = asked ?? maxOutputTokens ?? usual;
  const none = { thinking: null, effort: null, maxTokens };
  if (!reasoning) return none;
  const { amount, show } = reasoning;
  if (adapts(model)) {
    if (amount.kind === 'off') return { ...none, thinking: { type: 'disabled' } };
    const effort =
      amount.kind === 'effort'
        ? amount.effort
        : amount.kind === 'budget'
          ? effortOfBudget(amount.tokens)
          : null;
    return {
      thinking: { type: 'adaptive', ...(show ? { display: 'summarized' } : {}) },
      effort: effort && named(effort),
      maxTokens,
    };
  }
  // A round of tools that was begun without thoughts cannot go on with them.
  if (amount.kind === 'off' || inRoundWithoutThoughts(conversation)) return none;
  const wanted =
    amount.kind === 'budget'
      ? amount.tokens
      : budgetOfEffort(amount.kind === 'effort' ? amount.effort : 'medium');
  const room = asked ?? maxOutputTokens ?? usual + wanted;
  if (room <= LEAST_BUDGET)
    cannot(
      'reasoning',
      `needs more than ${LEAST_BUDGET} max tokens on this model: thinking counts towards them`,
    );
  return {
    thinking: { type: 'enabled', budget_tokens: Math.max(LEAST_BUDGET, Math.min(wanted, room - 1)) },
    effort: null,
    maxTokens: room,
  };
}

const named = (effort: Effort): string => (effort === 'minimal' ? 'low' : effort);

/** From 4.6 on a Claude decides itself how much to think and takes an effort; before, it takes a budget. */
function adapts(model: string): boolean {
  const version = /claude-[a-z]+-(\d{1,2})(?:[-.](\d{1,2}))?(?!\d)/.exec(model);
  if (!version) return /claude-mythos/.test(model);
  const [major, minor] = [Number(version[1]), Number(version[2] ?? 0)];
  return major > 4 || (major === 4 && minor >= 6);
}

function inRoundWithoutThoughts({ turns }: Conversation): boolean {
  if (!turns.at(-1)?.parts.some(({ kind }) => kind === 'result')) return false;
  const calling = turns.findLast(({ role }) => role === 'assistant');
  return !calling?.parts.some((part) => part.kind === 'thinking' && part.opaque?.by.startsWith('anthropic'));
}
