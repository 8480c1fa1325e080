import { env } from 'cloudflare:workers';
import { runInDurableObject } from 'cloudflare:test';
import { describe, expect, inject, it, vi } from 'vitest';
import { archiveRuns } from '../../worker/cron/archive-runs.ts';
import { LIVING_DAYS } from '../../worker/domain/workflow/run-time.ts';
import { services } from '../../worker/services.ts';
import { makeKey, makeTeam, type Fetch } from './fixtures.ts';
import { edge, items, json, node, of, replay, run, start, until } from './running.ts';

const SIZE = 1_500_000;
const rows = (id: string) =>
  runInDurableObject(env.WORKFLOW_RUN.getByName(id), (_, state) => ({
    parts: state.storage.sql.exec('SELECT count(*) AS n FROM part').one().n,
    refs: state.storage.sql.exec('SELECT count(*) AS n FROM node WHERE ref IS NOT NULL').one().n,
  }));
const record = services(env);
const later = { ...record, now: () => Date.now() + (LIVING_DAYS * 24 + 1) * 3_600_000 };
const whole = async (fetch: Fetch, id: string, nodeId: string, itemPath?: string) => {
  const query = itemPath === undefined ? '' : `?itemPath=${itemPath}`;
  const answer = await fetch(`/api/executions/${id}/nodes/${nodeId}/output${query}`);
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(text);
  return JSON.parse(text) as unknown;
};
const flow = {
  nodes: [
    start,
    node('big', 'transform', { expression: `{"rows": [1..3].($pad("", ${SIZE / 3}, "x")), "count": 3}` }),
    node('gate', 'approval', { message: '?' }),
    node('each', 'map', { items: 'nodes.big.rows', concurrency: 2 }),
    node('length', 'transform', { expression: '$length(item) + nodes.big.count' }, { parentId: 'each' }),
    node('small', 'transform', { expression: '$count($keys(trigger))' }),
    node('out', 'output', { value: '{{ nodes.each.results }}' }),
  ],
  edges: [
    edge('start', 'big'),
    edge('big', 'gate'),
    edge('gate', 'each', 'approved'),
    edge('each', 'small'),
    edge('small', 'out'),
  ],
};

describe('an output of more than 1 MB', () => {
  it('moves to R2 and is shown by its beginning; those who ask for it get it whole, also after the object was lost', async () => {
    const { fetch } = await makeTeam('editor');
    const { id } = await run(fetch, flow, { a: 1 });
    const paused = await until(fetch, id, 'paused', 'failed');
    expect(of(paused, 'big').outputPreview).toHaveLength(1000);
    expect(of(paused, 'big').output).toBeUndefined();
    // two: the gate hands on what came in
    await vi.waitFor(async () => expect(await rows(id)).toEqual({ parts: 0, refs: 2 }), { timeout: 10_000 });
    expect((await env.FILES.head(`executions/${id}/outputs/big.json`))!.size).toBeGreaterThan(SIZE);
    await runInDurableObject(env.WORKFLOW_RUN.getByName(id), (_, state) => state.abort('lost')).catch(
      () => {},
    );
    await fetch(`/api/executions/${id}/approvals/gate`, { json: { decision: 'approved' } });
    const done = await until(fetch, id, 'completed', 'failed');
    expect(done.error).toBeNull();
    const length = SIZE / 3 + 3;
    expect(of(done, 'out').output).toEqual([length, length, length]);
    // a run that takes over from it has it too
    const { executionId } = await json(
      await fetch(`/api/executions/${id}/replay`, { json: { fromNodeId: 'each' } }),
    );
    expect(of(await until(fetch, executionId, 'completed', 'failed'), 'out').output).toEqual([
      length,
      length,
      length,
    ]);
  });
});

describe('large outputs of items', () => {
  const inMap = { parentId: 'each' };
  const big = {
    nodes: [
      start,
      node('each', 'map', { items: '[0..2]', concurrency: 1 }),
      node('big', 'transform', { expression: `$pad($string(item), ${SIZE}, "x")` }, inMap),
      node('check', 'http', { method: 'POST', url: '{{ trigger.url }}', body: '{{ index }}' }, inMap),
      node('size', 'transform', { expression: '$length(nodes.big) & $substring(nodes.big, 0, 2)' }, inMap),
      node('out', 'output', { value: '{{ nodes.each.results }}' }),
    ],
    edges: [edge('start', 'each'), edge('big', 'check'), edge('check', 'size'), edge('each', 'out')],
  };

  it('move to R2 as those of the top do, are shown by their beginning, and are taken over by a replay as its own', async () => {
    const { fetch } = await makeTeam('editor');
    const url = `${inject('receiver')}/large-${crypto.randomUUID()}`;
    const { id } = await run(fetch, big, { url: `${url}?fail=0` });
    const first = await until(fetch, id, 'completed', 'failed');
    expect(first.error).toBeNull();
    expect(of(first, 'out').output).toEqual([0, 1, 2].map((n) => `${SIZE}${n}x`));
    expect(items(first, 'big').map(({ outputPreview }) => outputPreview.slice(0, 4))).toEqual([
      '"0xx',
      '"1xx',
      '"2xx',
    ]);
    await vi.waitFor(async () => expect(await rows(id)).toEqual({ parts: 0, refs: 3 }), { timeout: 10_000 });
    expect((await env.FILES.head(`executions/${id}/outputs/big/1.json`))!.size).toBe(SIZE + 2);
    expect(await whole(fetch, id, 'big', '2')).toBe('2'.padEnd(SIZE, 'x'));
    const again = await until(fetch, await replay(fetch, id, { fromNodeId: 'size' }), 'completed', 'failed');
    expect(of(again, 'out').output).toEqual(of(first, 'out').output);
    expect(items(again, 'big').map(({ attempts }) => attempts)).toEqual([0, 0, 0]);
    // its files are its own: nothing is lost with the first run's
    expect(await archiveRuns(later)).toBeGreaterThan(1);
    for (const { key } of (await env.FILES.list({ prefix: `executions/${id}/` })).objects)
      await env.FILES.delete(key);
    expect(await whole(fetch, again.id, 'big', '1')).toBe('1'.padEnd(SIZE, 'x'));
    const third = await until(
      fetch,
      await replay(fetch, again.id, { fromNodeId: 'size' }),
      'completed',
      'failed',
    );
    expect(of(third, 'out').output).toEqual(of(first, 'out').output);
  });
});

describe('what a map gathers', () => {
  const text = (n: number) => String(n).padEnd(30_000, 'é');
  const gathers = (onItemError: string, count: number) => ({
    nodes: [
      start,
      node('each', 'map', { items: `[0..${count - 1}]`, concurrency: 5, onItemError }),
      node(
        'big',
        'transform',
        { expression: `item = 3 ? $error("no three") : $pad($string(item), 30000, "é")` },
        { parentId: 'each' },
      ),
      node('plain', 'transform', { expression: '1 + 1' }),
      node('count', 'transform', {
        expression: '$count(nodes.each.results) & ":" & $count(nodes.each.failed)',
      }),
      node('second', 'map', { items: '{{ nodes.each.results }}', concurrency: 10 }),
      node('length', 'transform', { expression: '$length($string(item))' }, { parentId: 'second' }),
    ],
    edges: [edge('start', 'each'), edge('each', 'plain'), edge('plain', 'count'), edge('count', 'second')],
  });

  it.each([
    ['continue', null],
    ['remove', undefined],
  ])(
    'is written to R2 item by item when it is large (%s), in the order of the items',
    async (onItemError, third) => {
      const { fetch } = await makeTeam('editor');
      const count = 60;
      const { id } = await run(fetch, gathers(onItemError, count));
      const first = await until(fetch, id, 'completed', 'failed');
      expect(first.error).toBeNull();
      expect(of(first, 'each').outputPreview.slice(0, 20)).toBe('{"results":["0éééééé');
      const results = Array.from({ length: count }, (_, n) => (n === 3 ? third : text(n))).filter(
        (result) => result !== undefined,
      );
      expect(of(first, 'count').output).toBe(`${results.length}:1`);
      expect(await rows(id)).toMatchObject({ parts: 0 });
      const gathered = (await whole(fetch, id, 'each')) as { results: unknown[]; failed: unknown[] };
      expect(gathered.results).toEqual(results);
      expect(gathered.failed).toMatchObject([{ index: 3, error: { nodeId: 'big', itemPath: [3] } }]);
      expect(((await whole(fetch, id, 'second')) as typeof gathered).results).toHaveLength(results.length);
      // from the archive, whose file does not hold it a second time
      expect(await archiveRuns(later)).toBeGreaterThan(0);
      expect(await whole(fetch, id, 'each')).toEqual(gathered);
      expect(of(await json(await fetch(`/api/executions/${id}`)), 'each')).toEqual(of(first, 'each'));
      const again = await until(
        fetch,
        await replay(fetch, id, { fromNodeId: 'count' }),
        'completed',
        'failed',
      );
      expect(of(again, 'count').output).toBe(of(first, 'count').output);
      expect(of(again, 'each').attempts).toBe(0);
    },
  );

  it('is gathered again when the server is lost meanwhile, and is the map’s once', async () => {
    const { fetch } = await makeTeam('editor');
    const { id } = await run(fetch, gathers('remove', 60));
    const object = () => env.WORKFLOW_RUN.getByName(id);
    const ended = () =>
      runInDurableObject(object(), (_, state) => {
        const there = state.storage.sql.exec(`SELECT 1 FROM sqlite_master WHERE name = 'map'`).toArray();
        if (!there.length) return false;
        return (
          state.storage.sql.exec('SELECT 1 FROM map WHERE next >= total AND active = 0').toArray().length > 0
        );
      });
    while (!(await ended())) await scheduler.wait(1);
    await runInDurableObject(object(), (_, state) => state.abort('lost')).catch(() => {});
    await env.EXECUTIONS.send({ executionId: id });
    const done = await until(fetch, id, 'completed', 'failed');
    expect([done.error, of(done, 'count').output]).toEqual([null, '59:1']);
  });
});

describe('the whole output of a step', () => {
  it('is the same to the character, wherever it is cut', async () => {
    const { fetch } = await makeTeam('editor');
    // two units each, so that a part of an even length would end within one
    const { id } = await run(fetch, {
      nodes: [
        start,
        node('smile', 'transform', { expression: '$pad("", 300000, "😀")' }),
        node('out', 'transform', { expression: '$length(nodes.smile)' }),
      ],
      edges: [edge('start', 'smile'), edge('smile', 'out')],
    });
    await until(fetch, id, 'completed', 'failed');
    await runInDurableObject(env.WORKFLOW_RUN.getByName(id), (_, state) => state.abort('lost')).catch(
      () => {},
    );
    expect(await whole(fetch, id, 'smile')).toBe('😀'.repeat(300_000));
  });

  it('is a file with the name of the step; there is none of steps and items that are not there, and none for other teams', async () => {
    const { fetch, teamId } = await makeTeam('editor');
    const other = await makeTeam('admin');
    const viewer = await makeKey(teamId, 'viewer');
    const { id } = await run(fetch, {
      nodes: [
        start,
        node('each', 'map', { items: '[10, 20]' }),
        node('twice', 'transform', { expression: 'item * 2' }, { parentId: 'each' }),
        node('if', 'condition', { expression: 'false' }),
        node('never', 'transform', { expression: '1' }),
      ],
      edges: [edge('start', 'each'), edge('each', 'if'), edge('if', 'never', 'true')],
    });
    await until(fetch, id, 'completed', 'failed');
    const ask = (of: Fetch, path: string) => of(`/api/executions/${id}/nodes/${path}`);
    const file = await ask(viewer.fetch, 'twice/output?itemPath=1');
    expect([
      file.headers.get('content-type'),
      file.headers.get('content-disposition'),
      await file.text(),
    ]).toEqual(['application/json; charset=utf-8', 'attachment; filename="twice-1.json"', '40']);
    expect(await whole(fetch, id, 'each')).toEqual({ results: [20, 40], failed: [] });
    const statuses = async (of: Fetch, ...paths: string[]) =>
      Promise.all(paths.map(async (path) => (await ask(of, path)).status));
    expect(
      await statuses(
        fetch,
        'never/output',
        'twice/output',
        'twice/output?itemPath=2',
        'each/output?itemPath=0',
        'none/output',
      ),
    ).toEqual([404, 404, 404, 404, 404]);
    expect(
      await statuses(
        fetch,
        'twice/output?itemPath=-1',
        'twice/output?itemPath=1.',
        'twice/output?itemPath=a',
      ),
    ).toEqual([422, 422, 422]);
    expect(await statuses(other.fetch, 'each/output')).toEqual([404]);
  });
});

describe('a page of steps', () => {
  it('goes on over maps side by side and within each other, the same from the archive', async () => {
    const { fetch } = await makeTeam('editor');
    const { id } = await run(fetch, {
      nodes: [
        start,
        node('left', 'map', { items: '[0..4]' }),
        node('right', 'map', { items: '[0..3]' }),
        node('one', 'transform', { expression: 'item' }, { parentId: 'left' }),
        node('two', 'transform', { expression: 'item' }, { parentId: 'right' }),
        node('inner', 'map', { items: '[0..2]' }, { parentId: 'right' }),
        node('three', 'transform', { expression: 'item' }, { parentId: 'inner' }),
      ],
      edges: [edge('start', 'left'), edge('start', 'right')],
    });
    await vi.waitFor(
      async () => expect((await json(await fetch(`/api/executions/${id}?limit=1`))).status).toBe('completed'),
      { timeout: 20_000, interval: 100 },
    );
    const steps = async (limit: number) => {
      const found: string[] = [];
      for (let cursor: string | null = ''; cursor !== null;) {
        const page: Record<string, any> = await json(
          await fetch(`/api/executions/${id}?limit=${limit}&cursor=${encodeURIComponent(cursor)}`),
        );
        found.push(...page.nodes.map((row: any) => `${row.nodeId} ${row.itemPath ?? ''}`));
        cursor = page.nextCursor;
      }
      return found;
    };
    const all = await steps(500);
    expect(all.length).toBe(3 + 5 + 4 + 4 + 12);
    for (const limit of [1, 4]) expect((await steps(limit)).toSorted()).toEqual(all.toSorted());
    const few = await steps(4);
    await archiveRuns(later);
    expect(await steps(4)).toEqual(few);
    expect(await steps(500)).toEqual(all);
  });

  it('is as long as a message may be, and the next goes on after it', async () => {
    const { fetch } = await makeTeam('editor');
    const { id } = await run(fetch, {
      nodes: [
        start,
        node('each', 'map', { items: '[0..13]', concurrency: 10 }),
        node('big', 'transform', { expression: '$pad($string(item), 400000, "x")' }, { parentId: 'each' }),
        node('small', 'transform', { expression: 'item' }, { parentId: 'each' }),
      ],
      edges: [edge('start', 'each'), edge('big', 'small')],
    });
    const seen = async () => {
      const found: number[] = [];
      let pages = 0;
      for (let cursor: string | null = ''; cursor !== null; pages++) {
        const page: Record<string, any> = await json(
          await fetch(`/api/executions/${id}?nodeId=big&cursor=${encodeURIComponent(cursor)}`),
        );
        found.push(...page.nodes.map((row: { itemIndex: number }) => row.itemIndex));
        cursor = page.nextCursor;
      }
      expect(pages).toBe(2);
      return found;
    };
    await vi.waitFor(
      async () => expect((await json(await fetch(`/api/executions/${id}?limit=1`))).status).toBe('completed'),
      {
        timeout: 20_000,
        interval: 100,
      },
    );
    const order = Array.from({ length: 14 }, (_, index) => index);
    expect(await seen()).toEqual(order);
    await archiveRuns(later);
    expect(await seen()).toEqual(order);
  });
});

describe('rows of more than should stand in memory', () => {
  const ROWS = 2_500;
  const upload = async (fetch: Fetch) => {
    const lines = Array.from({ length: ROWS }, (_, id) => `${id},"${'x'.repeat(1_000)}, ${id}"`);
    const form = new FormData();
    form.set('name', 'Wide');
    form.set('file', new Blob([`id,note\n${lines.join('\n')}`], { type: 'text/csv' }), 'wide.csv');
    return (await json(await fetch('/api/data-sources', { method: 'POST', body: form }))).id as string;
  };

  it('go from a file through a map, item by item, and a replay finds the same items', async () => {
    const { fetch } = await makeTeam('editor');
    const inside = { parentId: 'each' };
    const { id } = await run(fetch, {
      nodes: [
        start,
        node('read', 'data_source', { dataSourceId: await upload(fetch) }),
        node('each', 'map', { items: '{{ nodes.read.rows }}', concurrency: 20, onItemError: 'remove' }),
        node('id', 'transform', { expression: 'item.id = 7 ? $error("seven") : item.id' }, inside),
        node('sum', 'transform', { expression: '$sum(nodes.each.results)' }),
        node('said', 'output', { value: '{{ nodes.read.count }} rows, {{ nodes.sum }}' }),
      ],
      edges: [edge('start', 'read'), edge('read', 'each'), edge('each', 'sum'), edge('sum', 'said')],
    });
    const done = await until(fetch, id, 'completed', 'failed');
    expect(done.error).toBeNull();
    expect(done.counts.id).toEqual({ succeeded: ROWS - 1, failed: 1 });
    expect(of(done, 'sum').output).toBe((ROWS * (ROWS - 1)) / 2 - 7);
    expect(of(done, 'said').output).toBe(`${ROWS} rows, ${(ROWS * (ROWS - 1)) / 2 - 7}`);
    expect((await env.FILES.head(`executions/${id}/outputs/read.json`))!.size).toBeGreaterThan(2_500_000);
    const read = (await whole(fetch, id, 'read')) as { rows: { id: number; note: string }[]; count: number };
    expect([read.count, read.rows.length, read.rows[9]!.note.slice(-4)]).toEqual([ROWS, ROWS, 'x, 9']);
    // what was there is not run again
    const again = await replay(fetch, id);
    const replayed = await until(fetch, again, 'completed', 'failed');
    expect(replayed.counts.id).toEqual({ succeeded: ROWS - 1, failed: 1 });
    const attempts = new Map<number, number>();
    for (const { attempts: n } of items(replayed, 'id')) attempts.set(n, (attempts.get(n) ?? 0) + 1);
    expect(attempts.get(0)).toBeGreaterThan(50);
  });
});
