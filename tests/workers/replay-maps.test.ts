import { env } from 'cloudflare:workers';
import { runInDurableObject } from 'cloudflare:test';
import { describe, expect, inject, it } from 'vitest';
import { archiveRuns } from '../../worker/cron/archive-runs.ts';
import { LIVING_DAYS } from '../../worker/domain/workflow/run-time.ts';
import { services } from '../../worker/services.ts';
import { ledger } from './books.ts';
import { makeKey, makeTeam, type Fetch } from './fixtures.ts';
import { ask, edge, items, json, node, of, replay, run, start, until, type Answer } from './running.ts';

const record = services(env);
const later = { ...record, now: () => Date.now() + (LIVING_DAYS * 24 + 1) * 3_600_000 };
const done = ['completed', 'failed'];
const inMap = (parentId: string) => ({ parentId });
const attemptsOf = (execution: Answer, nodeId: string) => items(execution, nodeId).map((row) => row.attempts);
/** An address that refuses the first request, or none. */
const address = (fails: boolean) => `/item-${crypto.randomUUID()}?fail=${fails ? 1 : 0}&status=400`;
const send = (id: string, at: string, more: object = {}) =>
  node(id, 'http', { method: 'POST', url: `${inject('receiver')}{{ ${at} }}`, body: 'x' }, more);
/** Every item is checked, then paid for, then told of; items fail before or after they are paid. */
const paid = (more: object = {}) => ({
  nodes: [
    start,
    node('each', 'map', { items: '{{ trigger.items }}', concurrency: 1 }),
    send('check', 'item.check', inMap('each')),
    { ...ask('ask', 'Say {{ item.n }}'), parentId: 'each' },
    send('tell', 'item.tell', inMap('each')),
    node('gives', 'transform', { expression: 'item.n & ":" & nodes.ask.text' }, inMap('each')),
    node('out', 'output', { value: '{{ nodes.each.results }}' }),
  ],
  edges: [
    edge('start', 'each'),
    edge('check', 'ask'),
    edge('ask', 'tell'),
    edge('tell', 'gives'),
    edge('each', 'out'),
  ],
  ...more,
});
const input = (before: number[], after: number[], count = 8) => ({
  items: Array.from({ length: count }, (_, n) => ({
    n,
    check: address(before.includes(n)),
    tell: address(after.includes(n)),
  })),
});

describe('a replay of a failed map', () => {
  it('pays each item once, however often items fail, and the books agree', async () => {
    const { fetch, teamId } = await makeTeam('editor');
    const { id } = await run(fetch, paid(), input([2], [4, 6]));
    const first = await until(fetch, id, ...done);
    expect([first.status, attemptsOf(first, 'ask')]).toEqual(['failed', [1, 1]]);
    // item 2 is begun with; 4 fails when it is paid already
    const second = await until(fetch, await replay(fetch, id), ...done);
    expect([second.status, attemptsOf(second, 'ask')]).toEqual(['failed', [0, 0, 1, 1, 1]]);
    expect(attemptsOf(second, 'check')).toEqual([0, 0, 1, 1, 1]);
    expect(items(second, 'ask').slice(0, 2)).toMatchObject(
      items(first, 'ask').map(({ output }) => ({ output, costNanoUsd: 0, startedAt: null })),
    );
    // a replay of a replay: of item 4 only what had failed runs again
    const third = await until(fetch, await replay(fetch, second.id), ...done);
    expect([attemptsOf(third, 'ask'), attemptsOf(third, 'tell')]).toEqual([
      [0, 0, 0, 0, 0, 1, 1],
      [0, 0, 0, 0, 1, 1, 1],
    ]);
    const last = await until(fetch, await replay(fetch, third.id), ...done);
    expect([last.status, attemptsOf(last, 'ask')]).toEqual(['completed', [0, 0, 0, 0, 0, 0, 0, 1]]);
    expect(of(last, 'out').output).toEqual(
      items(last, 'ask').map(({ output }, n) => `${n}:${(output as Answer).text}`),
    );
    expect(last.counts.ask).toEqual({ succeeded: 8 });
    const rows = await ledger(teamId, 8);
    const runs = [first, second, third, last];
    const sum = rows.reduce((total, row) => total + Number(row.cost_nano_usd), 0);
    expect(runs.reduce((total, one) => total + one.costNanoUsd, 0)).toBe(sum);
    const admin = await makeKey(teamId, 'admin');
    expect(await json(await admin.fetch('/api/token-tracking/reconcile'))).toMatchObject({
      ledgerNanoUsd: sum,
      rollupNanoUsd: sum,
      counterNanoUsd: sum,
      heldNanoUsd: 0,
      driftNanoUsd: 0,
    });
  });

  it('spends of its own budget only what it pays itself', async () => {
    const { fetch } = await makeTeam('editor');
    const { id } = await run(fetch, paid(), input([5], [], 6));
    const first = await until(fetch, id, ...done);
    const each = first.costNanoUsd / 5;
    const tight = await run(fetch, paid({ settings: { budgetNanoUsd: 1_000_000 } }), input([5], [], 6));
    await until(fetch, tight.id, ...done);
    const again = await until(fetch, await replay(fetch, tight.id), ...done);
    expect([again.status, again.budgetNanoUsd]).toEqual(['completed', 1_000_000]);
    expect(again.costNanoUsd).toBeLessThan(2 * each);
  });

  it('runs a named step inside the map, and what follows it, again for every item, and nothing before it', async () => {
    const { fetch } = await makeTeam('editor');
    const { id } = await run(fetch, paid(), input([], [], 4));
    const first = await until(fetch, id, ...done);
    expect(first.status).toBe('completed');
    const again = await until(fetch, await replay(fetch, id, { fromNodeId: 'tell' }), ...done);
    expect([again.status, again.costNanoUsd]).toEqual(['completed', 0]);
    expect([attemptsOf(again, 'ask'), attemptsOf(again, 'tell'), attemptsOf(again, 'gives')]).toEqual([
      [0, 0, 0, 0],
      [1, 1, 1, 1],
      [1, 1, 1, 1],
    ]);
    expect(of(again, 'out').output).toEqual(of(first, 'out').output);
  });

  it('runs only the failed items of a run that completed all the same', async () => {
    const { fetch } = await makeTeam('editor');
    const flow = paid();
    const each = {
      ...flow.nodes[1]!,
      config: { items: '{{ trigger.items }}', concurrency: 1, onItemError: 'continue' },
    };
    const tolerant = { ...flow, nodes: flow.nodes.map((one) => (one.id === 'each' ? each : one)) };
    const { id } = await run(fetch, tolerant, input([1], [3], 5));
    const first = await until(fetch, id, ...done);
    expect([first.status, of(first, 'each').output.failed.map(({ index }: Answer) => index)]).toEqual([
      'completed',
      [1, 3],
    ]);
    for (const where of ['where it ran', 'in the archive']) {
      if (where === 'in the archive') await archiveRuns(later);
      const again = await until(fetch, await replay(fetch, id), ...done);
      expect([again.status, attemptsOf(again, 'ask'), attemptsOf(again, 'tell')], where).toEqual([
        'completed',
        [0, 1, 0, 0, 0],
        [0, 1, 0, 1, 0],
      ]);
      expect(of(again, 'each').output.failed).toEqual([]);
      expect(of(again, 'out').attempts).toBe(1);
    }
  });

  it('takes nothing over when the items are others now', async () => {
    const { fetch } = await makeTeam('editor');
    const { id } = await run(
      fetch,
      {
        nodes: [
          start,
          node('each', 'map', { items: '[0..3].{"n": $, "run": $$.run.id}', concurrency: 1 }),
          node('gives', 'transform', { expression: 'item.run' }, inMap('each')),
          send('tell', 'trigger.at', inMap('each')),
          node('out', 'output', { value: '{{ nodes.each.results }}' }),
        ],
        edges: [edge('start', 'each'), edge('gives', 'tell'), edge('each', 'out')],
      },
      { at: address(true) },
    );
    await until(fetch, id, 'failed');
    const again = await until(fetch, await replay(fetch, id), ...done);
    expect([again.status, attemptsOf(again, 'gives')]).toEqual(['completed', [1, 1, 1, 1]]);
    expect(items(again, 'gives').map(({ output }) => output)).toEqual(Array(4).fill(again.id));
  });
});

describe('maps in maps', () => {
  const nested = {
    nodes: [
      start,
      node('outer', 'map', { items: '{{ trigger.items }}', concurrency: 3 }),
      node('before', 'transform', { expression: '$uppercase(item.name)' }, inMap('outer')),
      node('inner', 'map', { items: 'item.addresses', concurrency: 1 }, inMap('outer')),
      node('double', 'transform', { expression: 'nodes.before & index' }, inMap('inner')),
      send('tell', 'item', inMap('inner')),
      node('name', 'transform', { expression: 'nodes.double' }, inMap('inner')),
      node('after', 'transform', { expression: 'nodes.inner.results' }, inMap('outer')),
      node('out', 'output', { value: '{{ nodes.outer.results }}' }),
    ],
    edges: [
      edge('start', 'outer'),
      edge('before', 'inner'),
      edge('inner', 'after'),
      edge('double', 'tell'),
      edge('tell', 'name'),
      edge('outer', 'out'),
    ],
  };
  const trigger = () => ({
    items: [
      { name: 'a', addresses: [address(false), address(false)] },
      { name: 'b', addresses: [address(false), address(true), address(false)] },
    ],
  });
  const results = [
    ['A0', 'A1'],
    ['B0', 'B1', 'B2'],
  ];
  const kept = (execution: Answer) =>
    execution.nodes
      .filter((row: Answer) => row.attempts === 0 && row.status === 'succeeded')
      .map((row: Answer) => [row.nodeId, ...(row.itemPath ?? [])].join('.'))
      .sort();

  it.each(['where it ran', 'in the archive'])(
    'keep the items of items, and go on with the one that failed, from a run that stands %s',
    async (where) => {
      const { fetch } = await makeTeam('editor');
      const { id } = await run(fetch, nested, trigger());
      await until(fetch, id, 'failed');
      if (where === 'in the archive') expect(await archiveRuns(later)).toBeGreaterThan(0);
      const again = await until(fetch, await replay(fetch, id), ...done);
      expect([again.error, of(again, 'out').output]).toEqual([null, results]);
      expect(kept(again)).toEqual(
        [
          'start',
          // the first item had ended well: what its own map gave is kept as a whole
          ...['before.0', 'inner.0', 'after.0'],
          ...['before.1', 'double.1.0', 'tell.1.0', 'name.1.0', 'double.1.1'],
        ].sort(),
      );
      // from a step two maps down: of every item of every item
      const from = await until(fetch, await replay(fetch, id, { fromNodeId: 'tell' }), ...done);
      expect([from.error, of(from, 'out').output]).toEqual([null, results]);
      expect(kept(from)).toEqual(
        ['start', 'before.0', 'before.1', 'double.0.0', 'double.0.1', 'double.1.0', 'double.1.1'].sort(),
      );
    },
  );
});

describe('a map of many items', () => {
  const many = 450;
  const flow = {
    nodes: [
      start,
      node('each', 'map', { items: `[0..${many - 1}]`, concurrency: 50 }),
      node('half', 'transform', { expression: 'item / 2' }, inMap('each')),
      node('check', 'condition', { expression: `item < ${many - 1}` }, inMap('each')),
      node('well', 'transform', { expression: 'nodes.half' }, inMap('each')),
      // under way when the server is lost, it may be sent once more
      node(
        'tell',
        'http',
        { method: 'POST', url: `${inject('receiver')}{{ trigger.at }}`, safeToRepeat: true },
        inMap('each'),
      ),
      node('sum', 'transform', { expression: '$sum(nodes.each.results[$type($) = "number"])' }),
      node('slow', 'delay', { ms: 60_000 }),
    ],
    edges: [
      edge('start', 'each'),
      edge('start', 'slow'),
      edge('half', 'check'),
      edge('check', 'well', 'true'),
      edge('check', 'tell', 'false'),
      edge('each', 'sum'),
    ],
  };
  const over = async (fetch: Fetch, id: string) => {
    for (;;) {
      const execution = await json(await fetch(`/api/executions/${id}?limit=3`));
      if (execution.counts?.sum?.succeeded || done.includes(execution.status)) return execution;
      await scheduler.wait(50);
    }
  };

  it('is taken over a part at a time, also when the server is lost in between, while another branch waits', async () => {
    const { fetch } = await makeTeam('editor');
    const { id } = await run(fetch, flow, { at: address(true) });
    const first = await over(fetch, id);
    expect(first.status).toBe('failed');
    const again = await replay(fetch, id);
    // a stub does not outlive the object that is lost
    const object = () => env.WORKFLOW_RUN.getByName(again);
    const taken = () =>
      runInDurableObject(object(), (_, state) => {
        const there = state.storage.sql.exec(`SELECT 1 FROM sqlite_master WHERE name = 'map'`).toArray();
        return there.length
          ? Number(state.storage.sql.exec('SELECT max(next) AS n FROM map').one().n ?? 0)
          : 0;
      });
    while ((await taken()) === 0) await scheduler.wait(1);
    await runInDurableObject(object(), (_, state) => state.abort('lost')).catch(() => {});
    await fetch(`/api/executions/${again}?limit=1`);
    await env.EXECUTIONS.send({ executionId: again });
    const execution = await over(fetch, again);
    expect(execution.counts).toMatchObject({
      half: { succeeded: many },
      well: { succeeded: many - 1, skipped: 1 },
      tell: { succeeded: 1, skipped: many - 1 },
    });
    const begun = await runInDurableObject(object(), (_, state) => ({
      items: state.storage.sql.exec('SELECT count(*) AS n FROM node WHERE item >= 0 AND attempts > 0').one()
        .n,
      left: state.storage.sql.exec('SELECT count(*) AS n FROM kept WHERE marks IS NULL').one().n,
    }));
    // what had not succeeded yet when the last item failed, and nothing else
    const had = ['half', 'check', 'well', 'tell'].map((step) => first.counts[step]?.succeeded ?? 0);
    expect(begun).toEqual({ items: 3 * many - had.reduce((sum, count) => sum + count), left: 0 });
    expect(begun.items).toBeLessThan(3 * 50);
    const sum = await json(await fetch(`/api/executions/${again}?nodeId=sum`));
    expect(of(sum, 'sum').output).toBe(((many - 2) * (many - 1)) / 4);
    await fetch(`/api/executions/${again}/cancel`, { method: 'POST' });
  });
});
