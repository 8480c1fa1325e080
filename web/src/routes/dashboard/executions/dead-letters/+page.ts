import { call } from '$lib/api.ts';
import type { DeadLetter, Listed } from '$lib/shapes.ts';
import type { PageLoad } from './$types';

/** Open ones unless the address says otherwise: those are what somebody has to look at. */
export const load: PageLoad = async ({ fetch, url }) => {
  const status = url.searchParams.get('status') ?? 'open';
  const kind = url.searchParams.get('kind') ?? '';
  const cursor = url.searchParams.get('cursor');
  const [letters, workflows] = await Promise.all([
    call<Listed<DeadLetter>>('/api/dead-letters', {
      fetch,
      query: { limit: 20, cursor, kind, status: status === 'all' ? '' : status },
    }),
    call<Listed<{ id: string; name: string }>>('/api/workflows', { fetch, query: { limit: 200 } }),
  ]);
  return {
    letters,
    workflows: workflows.ok ? workflows.data.data : [],
    status,
    kind,
    older: cursor !== null,
  };
};
