/** Choosing a model by name: the options of a picker, and what a chosen name stands for. Pure. */
import { formatDollars } from '../money.ts';
import { formatCount } from '../numbers.ts';
import type { Model, ModelRoute } from '../shapes.ts';

/** What names can stand for. */
export interface Choices {
  models: readonly Model[];
  routes: readonly ModelRoute[];
}
export interface ModelOption {
  value: string;
  label: string;
  group: string;
}

/** "75%" of first choices for each target of a weighted route. */
export function sharesOf(targets: readonly { weight?: number }[]): string[] {
  const weights = targets.map(({ weight }) => weight ?? 1);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => (total === 0 ? '0%' : `${Math.round((weight / total) * 100)}%`));
}

/** "gpt-4o, then sandbox-small", or "75% gpt-4o, 25% sandbox-small". */
export function describeRoute({ strategy, targets }: Pick<ModelRoute, 'strategy' | 'targets'>): string {
  if (strategy === 'fallback') return targets.map(({ model }) => model).join(', then ');
  const shares = sharesOf(targets);
  return targets.map(({ model }, index) => `${shares[index]} ${model}`).join(', ');
}

// pico-USD per token is micro-USD per million tokens: times 1,000 it is nano-USD per million
const perMillion = (pico: number) => formatDollars(pico * 1000);
/** "$3.00 in, $15.00 out"; null = no price. */
export const pricesOf = ({ prices }: Pick<Model, 'prices'>): string | null =>
  prices && `${perMillion(prices.input)} in, ${perMillion(prices.output)} out`;

/**
 * Routes first, in a group of their own; then models by provider, each with its price. A route's name wins over a model of that name,
 * and of two models with one name the later is named with its provider, so that every option means one thing.
 */
export function modelOptions({ models, routes }: Choices): ModelOption[] {
  const taken = new Set(routes.map(({ name }) => name));
  const named = models.map((model) => {
    const { id, provider } = model;
    const value = taken.has(id) ? `${provider}/${id}` : id;
    taken.add(id);
    return { value, label: `${model.name} · ${pricesOf(model) ?? 'no price'}`, group: provider };
  });
  const routed = routes.map((route) => ({
    value: route.name,
    label: `${route.name} · ${describeRoute(route)}`,
    group: 'Routes',
  }));
  return [...routed, ...named];
}

/** What a name stands for: a route with the model that stands first behind it, or a model. `model` is null when it is not connected. */
export function chosen(
  name: string,
  { models, routes }: Choices,
): { route: ModelRoute | null; model: Model | null } {
  const route = routes.find((one) => one.name === name) ?? null;
  const wanted = route ? route.targets[0]!.model : name;
  const model =
    models.find(({ id }) => id === wanted) ??
    models.find(({ id, provider }) => `${provider}/${id}` === wanted);
  return { route, model: model ?? null };
}

/** The option that means what a name means: "openai/gpt-4o" is the option "gpt-4o" where that is one. Null = there is none. */
export function optionOf(name: string, choices: Choices, options: readonly ModelOption[]): string | null {
  if (options.some(({ value }) => value === name)) return name;
  const { model } = chosen(name, choices);
  if (!model) return null;
  const its = [model.id, `${model.provider}/${model.id}`];
  return options.find(({ value, group }) => group === model.provider && its.includes(value))?.value ?? null;
}

/** What to know about the chosen name, for the line under the picker; undefined = nothing. */
export function hintOf(name: string, choices: Choices): string | undefined {
  const { route, model } = chosen(name, choices);
  if (route)
    return `A route: ${describeRoute(route)}.${model ? ` Priced here as ${model.id}, its first model.` : ''}`;
  if (!model) return undefined;
  if (!model.prices) return 'No price: a budget cannot cover it.';
  return `Prices per 1M tokens${model.contextWindow ? ` · context ${formatCount(model.contextWindow)}` : ''}`;
}
