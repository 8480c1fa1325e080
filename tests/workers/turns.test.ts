import { describe, expect, it } from 'vitest';
import { makeTeam } from './fixtures.ts';
import { edge, json, node, run, start, until } from './running.ts';

const ITEMS = 1_000;

describe('a map of steps that never leave the isolate', () => {
  it('lets others have their turn all the while: timers, answers, other runs', async () => {
    const { fetch } = await makeTeam('editor');
    const { id } = await run(fetch, {
      nodes: [
        start,
        node('each', 'map', { items: `[1..${ITEMS}]`, concurrency: 20 }),
        node('double', 'transform', { expression: 'item * 2' }, { parentId: 'each' }),
      ],
      edges: [edge('start', 'each')],
    });
    const seen = new Set<number>();
    for (let status = ''; !['completed', 'failed'].includes(status);) {
      const view = await json(await fetch(`/api/executions/${id}?limit=1`));
      status = view.status;
      seen.add(view.counts?.double?.succeeded ?? 0);
    }
    const onTheWay = [...seen].filter((count) => count > 0 && count < 0.9 * ITEMS);
    expect(onTheWay.length).toBeGreaterThan(2);
    expect((await until(fetch, id, 'completed', 'failed')).status).toBe('completed');
  });
});
