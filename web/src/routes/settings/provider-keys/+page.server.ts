import { call } from '$lib/api.ts';
import type { Connection, Listed, Provider } from '$lib/shapes.ts';
import type { PageServerLoad } from './$types';

export const load: PageServerLoad = async ({ fetch }) => ({
  connections: await call<Listed<Connection> & { providers: Provider[] }>('/api/integrations', { fetch }),
});
