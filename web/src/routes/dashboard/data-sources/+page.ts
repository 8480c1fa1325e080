import { call } from '$lib/api.ts';
import type { Listed } from '$lib/shapes.ts';
import type { DataSource } from '$lib/flow/data-source.ts';
import type { PageLoad } from './$types';

export const load: PageLoad = async ({ fetch, url }) => ({
  sources: await call<Listed<DataSource>>('/api/data-sources', {
    fetch,
    query: { limit: 50, cursor: url.searchParams.get('cursor') },
  }),
});
