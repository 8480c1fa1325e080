import { call } from '$lib/api.ts';
import { connectedModels } from '$lib/models/load.ts';
import type { Connection, Listed, ModelRoute } from '$lib/shapes.ts';
import type { PageServerLoad } from './$types';

export const load: PageServerLoad = async ({ fetch }) => {
  const [routes, connections, models] = await Promise.all([
    call<Listed<ModelRoute>>('/api/routes', { fetch }),
    call<Listed<Connection>>('/api/integrations', { fetch }),
    connectedModels(fetch),
  ]);
  return { routes, connections, models };
};
