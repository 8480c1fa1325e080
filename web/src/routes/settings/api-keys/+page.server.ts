import { call } from '$lib/api.ts';
import type { ApiKeyRow, Group, Listed } from '$lib/shapes.ts';
import type { PageServerLoad } from './$types';

export const load: PageServerLoad = async ({ fetch, url, parent }) => {
  const keys = call<Listed<ApiKeyRow>>('/api/keys', { fetch, query: { limit: 200 } });
  const teamId = (await parent()).me.team?.id;
  const groups = teamId
    ? await call<Listed<Group>>(`/api/teams/${teamId}/groups`, { fetch, query: { limit: 200 } })
    : null;
  return { keys: await keys, groups: groups?.ok ? groups.data.data : [], origin: url.origin };
};
