/** The shipped price data: what scripts/build-prices.mjs writes to worker/generated/prices.json. */
import type { Rates } from './price.ts';

/** The price package's rule for which model names mean an entry; case does not matter, except to a regex. */
export type MatchRule =
  | { equals: string }
  | { starts_with: string }
  | { ends_with: string }
  | { contains: string }
  | { regex: string }
  | { or: MatchRule[] }
  | { and: MatchRule[] };

/** Rows stand in order: of those whose condition holds at an instant, the LAST prices the call. */
export interface ShippedRow {
  /** UTC day from which it holds; always, when absent */
  from?: string;
  /** hours of the day, UTC, `to` excluded; may wrap over midnight */
  daily?: { from: string; to: string };
  rates: Rates;
  tiers?: { aboveInputTokens: number; rates: Rates }[];
  picoUsdPerWebSearch?: number;
  picoUsdPerRequest?: number;
}

export interface ShippedModel {
  id: string;
  name?: string;
  contextWindow?: number;
  maxOutputTokens?: number;
  match: MatchRule;
  rows: ShippedRow[];
}

export interface ShippedProvider {
  id: string;
  name: string;
  /** which base URLs are this provider's: a regular expression over their beginning */
  apiPattern?: string;
  /** other names of the provider ("gemini" for google) */
  match?: MatchRule;
  /** model names that mean this provider when none is named */
  modelMatch?: MatchRule;
  /** providers whose models it resells at their prices */
  fallbacks?: string[];
  models: ShippedModel[];
}

export interface ShippedPrices {
  source: string;
  providers: ShippedProvider[];
}

const regexes = new Map<string, RegExp>();

function regexOf(source: string): RegExp {
  let regex = regexes.get(source);
  if (!regex) regexes.set(source, (regex = new RegExp(source)));
  return regex;
}

/** Is a base URL the provider's own? */
export const servesAt = ({ apiPattern }: ShippedProvider, baseUrl: string): boolean =>
  apiPattern !== undefined && regexOf(`^(?:${apiPattern})`).test(baseUrl);

/** Does a name satisfy a rule? */
export function matches(rule: MatchRule, name: string): boolean {
  if ('or' in rule) return rule.or.some((inner) => matches(inner, name));
  if ('and' in rule) return rule.and.every((inner) => matches(inner, name));
  if ('regex' in rule) return regexOf(rule.regex).test(name);
  const text = name.toLowerCase();
  if ('equals' in rule) return text === rule.equals.toLowerCase();
  if ('starts_with' in rule) return text.startsWith(rule.starts_with.toLowerCase());
  if ('ends_with' in rule) return text.endsWith(rule.ends_with.toLowerCase());
  return text.includes(rule.contains.toLowerCase());
}
