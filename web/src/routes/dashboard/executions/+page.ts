import { call } from '$lib/api.ts';
import type { Execution } from '$lib/flow/execution.ts';
import type { DeadLetter, ExecutionStats, Listed } from '$lib/shapes.ts';
import { RUN_RANGES } from '$lib/usage/range.ts';
import type { PageLoad } from './$types';

export type ExecutionRow = Omit<Execution, 'nodes' | 'input'>;

const MOST_LETTERS = 9;

export const load: PageLoad = async ({ fetch, url, parent }) => {
  const workflowId = url.searchParams.get('workflowId') ?? '';
  const status = url.searchParams.get('status') ?? '';
  const cursor = url.searchParams.get('cursor');
  const tab = url.searchParams.get('tab') === 'figures' ? 'figures' : 'runs';
  const range = RUN_RANGES.find(({ value }) => value === url.searchParams.get('range')) ?? RUN_RANGES[1];
  const { me } = await parent();
  const timeZone = me.team?.timeZone ?? 'UTC';
  const askedFromMs = Date.now() - range.hours * 3_600_000;
  const [executions, stats, workflows, letters] = await Promise.all([
    tab === 'runs'
      ? call<Listed<ExecutionRow>>('/api/executions', {
          fetch,
          query: { limit: 50, cursor, workflowId, status },
        })
      : null,
    tab === 'figures'
      ? call<ExecutionStats>('/api/executions/stats', {
          fetch,
          query: { workflowId, hours: range.hours, interval: range.interval, timeZone },
        })
      : null,
    call<Listed<{ id: string; name: string }>>('/api/workflows', { fetch, query: { limit: 200 } }),
    call<Listed<DeadLetter>>('/api/dead-letters', { fetch, query: { limit: MOST_LETTERS, status: 'open' } }),
  ]);
  return {
    tab,
    range: range.value,
    interval: range.interval,
    timeZone,
    askedFromMs,
    executions,
    stats,
    /** what could not be processed, as far as the note counts; null = not known */
    letters: letters.ok ? { count: letters.data.data.length, more: letters.data.nextCursor !== null } : null,
    workflows: workflows.ok ? workflows.data.data : [],
    workflowId,
    status,
  };
};
