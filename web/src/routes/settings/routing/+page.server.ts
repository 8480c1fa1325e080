import { call } from '$lib/api.ts';
import type { Connection, Listed, Model, ModelRoute } from '$lib/shapes.ts';
import type { PageServerLoad } from './$types';

export const load: PageServerLoad = async ({ fetch }) => {
  const [routes, connections, models] = await Promise.all([
    call<Listed<ModelRoute>>('/api/routes', { fetch }),
    call<Listed<Connection>>('/api/integrations', { fetch }),
    call<Listed<Model>>('/api/models', { fetch, query: { connected: true, limit: 200 } }),
  ]);
  return { routes, connections, models };
};
