import { call } from '$lib/api.ts';
import type { Connection, Listed, Model, Provider } from '$lib/shapes.ts';
import type { PageServerLoad } from './$types';

export const load: PageServerLoad = async ({ fetch }) => {
  const [connections, models] = await Promise.all([
    call<Listed<Connection> & { providers: Provider[] }>('/api/integrations', { fetch }),
    call<Listed<Model>>('/api/models', { fetch, query: { connected: true, limit: 200 } }),
  ]);
  return { connections, models };
};
