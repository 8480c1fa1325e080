/**
 * What a caller's model name means: a model listed by a connection, "<provider>/<model>", "<connection>/<model>", or one that a
 * connected provider is known for.
 */
import type { PriceTable } from '../cost/price-table.ts';

/** A way to a provider, and the models it is known to have there. */
export interface Reachable {
  provider: string;
  name: string;
  /** whose prices hold for its models, and what rows of the ledger call it: its provider unless it says otherwise */
  sells?: string;
  models: readonly string[];
  /** true = it has these models and no others */
  closed: boolean;
}

export const soldAs = ({ provider, sells }: Reachable): string => sells ?? provider;

interface Way<C> {
  connection: C;
  model: string;
}
type Prices = Pick<PriceTable, 'resolve'>;

/**
 * The connection and the provider's own model name; null when nobody here has such a model. A name is first looked for as it is
 * (some servers list "openai/gpt-4o"), then by its prefix, which admits models that are neither listed nor priced, then in the
 * price table.
 */
export function resolveModel<C extends Reachable>(
  name: string,
  reachable: readonly C[],
  prices: Prices,
): Way<C> | null {
  return named(name, reachable) ?? known(name, reachable, prices);
}

/**
 * The same among connections that speak the caller's format (`native`) and those that can be told it (`convertible`). The native ones
 * come first, except where only the price table says that they have the model and its maker is connected: Google sells Claude too,
 * but not at the address that Gemini answers at.
 */
export function resolveSpoken<C extends Reachable>(
  name: string,
  { native, convertible }: { native: readonly C[]; convertible: readonly C[] },
  prices: Prices,
): Way<C> | null {
  const listed = named(name, native);
  if (listed) return listed;
  const guessed = known(name, native, prices);
  if (!guessed) return resolveModel(name, convertible, prices);
  const maker = prices.resolve(name)?.provider;
  if (maker === undefined || soldAs(guessed.connection) === maker) return guessed;
  const its = convertible.filter((connection) => soldAs(connection) === maker);
  return resolveModel(name, its, prices) ?? guessed;
}

function named<C extends Reachable>(name: string, reachable: readonly C[]): Way<C> | null {
  const listed = reachable.find((connection) => connection.models.includes(name));
  if (listed) return { connection: listed, model: name };

  const slash = name.indexOf('/');
  if (slash <= 0) return null;
  const model = name.slice(slash + 1);
  const connection = best(reachable, name.slice(0, slash), model);
  return connection && model !== '' ? { connection, model } : null;
}

function known<C extends Reachable>(name: string, reachable: readonly C[], prices: Prices): Way<C> | null {
  const found = prices.resolve(name, [...new Set(reachable.map(soldAs))]);
  const connection = found && best(reachable, found.provider, found.model);
  return connection ? { connection, model: found.model } : null;
}

/**
 * Of the connections to a provider of that name, to whose server it is, or else that are called so themselves: the one that lists
 * the model, else the default one, else the first.
 */
function best<C extends Reachable>(reachable: readonly C[], name: string, model: string): C | null {
  const having = reachable.filter(({ closed, models }) => !closed || models.includes(model));
  const called: ((connection: C) => boolean)[] = [
    (connection) => connection.provider === name,
    (connection) => soldAs(connection) === name,
    (connection) => connection.name === name,
  ];
  const ways = called.map((is) => having.filter(is)).find((found) => found.length > 0) ?? [];
  return (
    ways.find((connection) => connection.models.includes(model)) ??
    ways.find((connection) => connection.name === 'default') ??
    ways[0] ??
    null
  );
}
