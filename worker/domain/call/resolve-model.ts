/** What a caller's model name means: a model listed by a connection, "<provider>/<model>", or one that a connected provider is known for. */
import type { PriceTable } from '../cost/price-table.ts';

/** A way to a provider, and the models it is known to have there. */
export interface Reachable {
  provider: string;
  name: string;
  models: readonly string[];
  /** true = it has these models and no others */
  closed: boolean;
}

/**
 * The connection and the provider's own model name; null when nobody here has such a model. A name is first looked for as it is
 * (some servers list "openai/gpt-4o"), then by its prefix, which admits models that are neither listed nor priced, then in the
 * price table.
 */
export function resolveModel<C extends Reachable>(
  name: string,
  reachable: readonly C[],
  prices: Pick<PriceTable, 'resolve'>,
): { connection: C; model: string } | null {
  const listed = reachable.find((connection) => connection.models.includes(name));
  if (listed) return { connection: listed, model: name };

  const slash = name.indexOf('/');
  if (slash > 0) {
    const model = name.slice(slash + 1);
    const connection = best(reachable, name.slice(0, slash), model);
    if (connection && model !== '') return { connection, model };
  }

  const known = prices.resolve(name, [...new Set(reachable.map((connection) => connection.provider))]);
  const connection = known && best(reachable, known.provider, known.model);
  return connection ? { connection, model: known.model } : null;
}

/** Of a provider's connections the one that lists the model, else the default one, else the first. */
function best<C extends Reachable>(reachable: readonly C[], provider: string, model: string): C | null {
  const ways = reachable.filter(
    (connection) =>
      connection.provider === provider && (!connection.closed || connection.models.includes(model)),
  );
  return (
    ways.find((connection) => connection.models.includes(model)) ??
    ways.find((connection) => connection.name === 'default') ??
    ways[0] ??
    null
  );
}
