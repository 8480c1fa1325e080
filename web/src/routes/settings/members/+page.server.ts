import { call } from '$lib/api.ts';
import type { ApiKeyRow, BudgetStatus, Group, Invitation, Listed, Member, Stats } from '$lib/shapes.ts';
import { periodAt } from '$domain/budget/periods.ts';
import type { PageServerLoad } from './$types';

export const load: PageServerLoad = async ({ fetch, parent, url }) => {
  const { me } = await parent();
  const at = `/api/teams/${me.team?.id ?? 'none'}`;
  const timeZone = me.team?.timeZone ?? 'UTC';
  const month = periodAt({ window: 'month', timeZone, anchor: {} }, Date.now());
  const most = { fetch, query: { limit: 200 } };
  const [members, invitations, groups, keys, budgets, stats] = await Promise.all([
    call<Listed<Member>>(`${at}/members`, { fetch, query: { limit: 200 } }),
    call<Listed<Invitation>>(`${at}/invitations`, { fetch, query: { limit: 200 } }),
    call<Listed<Group>>(`${at}/groups`, most),
    call<Listed<ApiKeyRow>>('/api/keys', most),
    call<Listed<BudgetStatus>>('/api/token-tracking/budget', most),
    call<Stats>('/api/token-tracking/stats', {
      fetch,
      query: { groupBy: 'group', timeZone, from: new Date(month.startMs).toISOString() },
    }),
  ]);
  return {
    members,
    invitations,
    groups,
    keys: keys.ok ? keys.data.data.map(({ id, name }) => ({ id, name })) : [],
    budgets: budgets.ok ? budgets.data.data.filter(({ scope }) => scope.type === 'group') : [],
    /** null = not known */
    spent: stats.ok ? new Map(stats.data.groups.map(({ key, costNanoUsd }) => [key, costNanoUsd])) : null,
    origin: url.origin,
  };
};
