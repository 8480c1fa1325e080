import { call } from '$lib/api.ts';
import type { ApiKeyRow, Listed } from '$lib/shapes.ts';
import type { PageServerLoad } from './$types';

export const load: PageServerLoad = async ({ fetch, url }) => ({
  keys: await call<Listed<ApiKeyRow>>('/api/keys', { fetch, query: { limit: 200 } }),
  origin: url.origin,
});
