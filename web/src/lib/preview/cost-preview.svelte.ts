/** What a call will cost, while it is typed: a rough guess at once, an exact count soon, the server's estimate when one pauses. */
import { maxOutputOf } from '$domain/cost/ceiling.ts';
import type { CountedChat, Count } from '$domain/cost/count.ts';
import { costOf } from '$domain/cost/cost.ts';
import {
  estimateOf,
  FEWEST_RUNS,
  type Estimate as LocalEstimate,
  type Range,
} from '$domain/cost/estimate.ts';
import type { Price } from '$domain/cost/price.ts';
import { NO_USAGE } from '$domain/cost/usage.ts';
import { call } from '../api.ts';
import type { Estimate, Model } from '../shapes.ts';
import { BackgroundCounter } from './counter.ts';
import { roughTokens } from './rough.ts';

export interface PreviewInput {
  model: Model | null;
  messages: { role: string; content: string }[];
  /** null = the model's own maximum */
  maxOutputTokens: number | null;
  responseSchema?: Record<string, unknown> | null;
  promptId?: string;
}
export type Shown = LocalEstimate & {
  layer: 'rough' | 'counted' | 'server';
  maxOutputTokens: number;
  effectiveFrom: string | null;
};

const COUNT_AFTER_MS = 150;
const COUNT_AT_MOST_MS = 500;
const ASK_AFTER_MS = 1_000;

export class CostPreview {
  shown = $state.raw<Shown | null>(null);
  #counter = new BackgroundCounter();
  #input: PreviewInput | null = null;
  #server: { key: string; estimate: Estimate } | null = null;
  #countTimer: ReturnType<typeof setTimeout> | undefined;
  #askTimer: ReturnType<typeof setTimeout> | undefined;
  #dueBy = 0;
  #asking: AbortController | null = null;

  warm() {
    this.#counter.warm();
  }
  stop() {
    clearTimeout(this.#countTimer);
    clearTimeout(this.#askTimer);
    this.#asking?.abort();
    this.#counter.stop();
  }

  /** Tells what is in the editor now. */
  update(input: PreviewInput) {
    this.#input = input;
    clearTimeout(this.#askTimer);
    this.#asking?.abort();
    if (!input.model) {
      this.shown = null;
      return;
    }
    const text = input.messages.map(({ content }) => content).join('');
    const tokens = roughTokens(text) + 3 + input.messages.length * 4;
    this.#show({ tokens, ceilingTokens: tokens, exact: false }, 'rough');

    const now = performance.now();
    this.#dueBy ||= now + COUNT_AT_MOST_MS;
    clearTimeout(this.#countTimer);
    this.#countTimer = setTimeout(
      () => this.#count(),
      Math.max(0, Math.min(COUNT_AFTER_MS, this.#dueBy - now)),
    );
    this.#askTimer = setTimeout(() => void this.#ask(), ASK_AFTER_MS);
  }

  #count() {
    this.#dueBy = 0;
    const input = this.#input;
    if (!input?.model) return;
    const { provider, id } = input.model;
    this.#counter.count({ provider, model: id }, chatOf(input), (count) => {
      if (this.#input === input && this.shown?.layer !== 'server') this.#show(count, 'counted');
    });
  }

  /** Our own arithmetic, the server's: with its history of output tokens when it told us for the same model and bounds. */
  #show(count: Count, layer: 'rough' | 'counted') {
    const { model, maxOutputTokens } = this.#input!;
    const most = maxOutputOf({ ...model!, model: model!.id }, count.ceilingTokens, maxOutputTokens);
    const price = priceOf(model!);
    const local = estimateOf({
      count,
      price,
      history: [],
      maxOutputTokens: most,
      bounds: { audio: false },
    });
    const known = this.#server?.key === this.#key() ? this.#server.estimate : null;
    const withHistory =
      known && known.basis.runs >= FEWEST_RUNS && local.costNanoUsd && price
        ? {
            outputTokens: known.outputTokens,
            basis: known.basis,
            costNanoUsd: costsAt(price, count.tokens, known.outputTokens, local.costNanoUsd.max),
          }
        : {};
    this.shown = {
      ...local,
      ...withHistory,
      alternatives: known?.alternatives ?? [],
      layer,
      maxOutputTokens: most,
      effectiveFrom: model!.effectiveFrom,
    };
  }

  async #ask() {
    const input = this.#input;
    if (!input?.model || input.messages.every(({ content }) => content === '')) return;
    this.#asking = new AbortController();
    const answer = await call<Estimate>('/api/token-tracking/estimate', {
      method: 'POST',
      signal: this.#asking.signal,
      json: {
        model: `${input.model.provider}/${input.model.id}`,
        messages: input.messages,
        ...(input.maxOutputTokens === null ? {} : { maxOutputTokens: input.maxOutputTokens }),
        ...(input.responseSchema ? { responseSchema: asSent(input.responseSchema) } : {}),
        ...(input.promptId ? { promptId: input.promptId } : {}),
      },
    });
    // offline or refused: what was counted here stays
    if (!answer.ok || this.#input !== input) return;
    this.#server = { key: this.#key(), estimate: answer.data };
    this.shown = {
      ...answer.data,
      layer: 'server',
      maxOutputTokens: answer.data.outputTokens.max,
      effectiveFrom: answer.data.effectiveFrom,
    };
  }

  #key(): string {
    const { model, maxOutputTokens, promptId } = this.#input!;
    return JSON.stringify([model!.provider, model!.id, maxOutputTokens, promptId]);
  }
}

/** A schema goes to the provider in this wrapping (domain/prompt/run-prompt), and is counted in it. */
const asSent = (schema: Record<string, unknown>) => ({
  type: 'json_schema',
  json_schema: { name: 'answer', schema },
});

const chatOf = (input: PreviewInput): CountedChat => ({
  messages: input.messages.map(({ role, content }) => ({ role, text: content })),
  ...(input.responseSchema ? { schema: JSON.stringify(asSent(input.responseSchema)) } : {}),
});

/** The price in force as the domain's arithmetic wants it; null = no price. */
export function priceOf(model: Model): Price | null {
  if (!model.prices) return null;
  const { tiers, picoUsdPerWebSearch, picoUsdPerRequest, ...rates } = model.prices;
  return {
    id: model.priceId ?? '',
    provider: model.provider,
    model: model.id,
    effectiveFrom: model.effectiveFrom ?? '',
    source: model.source ?? '',
    rates,
    tiers,
    ...(picoUsdPerWebSearch === undefined ? {} : { picoUsdPerWebSearch }),
    ...(picoUsdPerRequest === undefined ? {} : { picoUsdPerRequest }),
  };
}

function costsAt(price: Price, inputTokens: number, output: Range, max: number): Range {
  const at = (outputTokens: number) =>
    Math.min(max, costOf({ ...NO_USAGE, inputTokens, outputTokens }, price));
  return { low: at(output.low), expected: at(output.expected), high: at(output.high), max };
}
