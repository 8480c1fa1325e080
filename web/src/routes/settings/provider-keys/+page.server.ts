import { call } from '$lib/api.ts';
import { connectedModels } from '$lib/models/load.ts';
import type { Connection, Listed, Provider } from '$lib/shapes.ts';
import type { PageServerLoad } from './$types';

export const load: PageServerLoad = async ({ fetch }) => {
  const [connections, models] = await Promise.all([
    call<Listed<Connection> & { providers: Provider[] }>('/api/integrations', { fetch }),
    connectedModels(fetch),
  ]);
  return { connections, models };
};
