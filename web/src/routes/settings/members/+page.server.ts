import { call } from '$lib/api.ts';
import type { Invitation, Listed, Member } from '$lib/shapes.ts';
import type { PageServerLoad } from './$types';

export const load: PageServerLoad = async ({ fetch, parent, url }) => {
  const { me } = await parent();
  const at = `/api/teams/${me.team?.id ?? 'none'}`;
  const [members, invitations] = await Promise.all([
    call<Listed<Member>>(`${at}/members`, { fetch, query: { limit: 200 } }),
    call<Listed<Invitation>>(`${at}/invitations`, { fetch, query: { limit: 200 } }),
  ]);
  return { members, invitations, origin: url.origin };
};
