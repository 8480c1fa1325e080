import { call } from '$lib/api.ts';
import type { Invoice, Listed, Reconciliation, Stats } from '$lib/shapes.ts';
import { rangeOf, statsQuery } from '$lib/usage/range.ts';
import type { PageServerLoad } from './$types';

export const _GROUPS = ['model', 'prompt', 'workflow', 'member', 'group', 'key', 'tag'] as const;

export const load: PageServerLoad = async ({ fetch, url, parent }) => {
  const { me } = await parent();
  const timeZone = me.team?.timeZone ?? 'UTC';
  const range = rangeOf(url.searchParams.get('range'));
  const groupBy = _GROUPS.find((group) => group === url.searchParams.get('group')) ?? 'model';
  const tab = url.searchParams.get('tab') === 'reconciliation' ? 'reconciliation' : 'spend';
  const [stats, reconciliation, invoices] = await Promise.all([
    call<Stats>('/api/token-tracking/stats', {
      fetch,
      query: { ...statsQuery(range, Date.now(), timeZone), groupBy },
    }),
    tab === 'reconciliation' ? call<Reconciliation>('/api/token-tracking/reconcile', { fetch }) : null,
    tab === 'reconciliation'
      ? call<Listed<Invoice>>('/api/token-tracking/invoices', { fetch, query: { limit: 100 } })
      : null,
  ]);
  return {
    range: range.value,
    interval: range.interval,
    groupBy,
    tab,
    timeZone,
    stats,
    reconciliation,
    invoices,
  };
};
