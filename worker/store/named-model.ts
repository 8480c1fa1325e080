/** Whose model is it that somebody names? As a paid call of that name would find it, else what data and prices know by it. */
import { resolveModel, soldAs } from '../domain/call/resolve-model.ts';
import type { ModelRef } from '../domain/cost/price-table.ts';
import type { Price } from '../domain/cost/price.ts';
import type { CoreServices } from '../services.ts';
import { connectedProviders } from './connected-providers.ts';
import { connectionsOf } from './connections.ts';

/** Null = neither a connection of the team nor the data has such a model. */
export async function modelNamed(
  services: CoreServices,
  { teamId, name, overrides }: { teamId: string; name: string; overrides: readonly Price[] },
): Promise<ModelRef | null> {
  const reached = resolveModel(name, await connectionsOf(services, teamId), services.prices);
  return reached
    ? { provider: soldAs(reached.connection), model: reached.model }
    : services.prices.resolve(name, await connectedProviders(services, teamId), overrides);
}
