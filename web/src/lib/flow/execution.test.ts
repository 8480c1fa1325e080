import { expect, test } from 'vitest';
import {
  asksPerson,
  elapsedMs,
  inputOf,
  isKept,
  itemWords,
  outputAddress,
  pauseReason,
  runRows,
  summariesOf,
  summarise,
  waitsAlone,
  type Execution,
  type NodeRun,
} from './execution.ts';
import { leadFlow } from './fixture.ts';

const execution = (more: Partial<Execution>): Execution => ({
  id: 'exec_1',
  workflowId: 'wf_1',
  version: null,
  status: 'completed',
  trigger: 'manual',
  input: null,
  startedAt: null,
  endedAt: null,
  inputTokens: 0,
  outputTokens: 0,
  costNanoUsd: 0,
  nodes: [],
  ...more,
});
const run = (nodeId: string, more: Partial<NodeRun> = {}): NodeRun => ({
  nodeId,
  status: 'succeeded',
  attempts: 1,
  startedAt: '2026-11-20T10:00:00.000Z',
  endedAt: '2026-11-20T10:00:01.000Z',
  inputTokens: 10,
  outputTokens: 5,
  costNanoUsd: 10_500,
  ...more,
});

test('a node inside a map is running while some of its items are still to come', () => {
  expect(summarise([run('score'), run('score', { status: 'pending', endedAt: null })])?.status).toBe(
    'running',
  );
  expect(summarise([run('score', { status: 'pending', endedAt: null })])?.status).toBe('pending');
});

test('one failed item makes the node failed once nothing is going on any more', () => {
  expect(summarise([run('score'), run('score', { status: 'failed' })])?.status).toBe('failed');
  expect(summarise([run('keep'), run('keep', { status: 'skipped' })])?.status).toBe('succeeded');
  expect(summarise([])).toBeNull();
});

test('tokens and cost of a node are the sums over its items', () => {
  expect(summarise([run('score'), run('score', { costNanoUsd: 1 })])).toMatchObject({
    inputTokens: 20,
    outputTokens: 10,
    costNanoUsd: 10_501,
    runs: 2,
  });
});

test('rows follow the outline, items in order, and a node that was deleted since is still shown', () => {
  const rows = runRows(
    leadFlow(),
    execution({
      nodes: [run('gone'), run('score', { itemIndex: 1 }), run('score', { itemIndex: 0 }), run('start')],
    }),
  );
  expect(rows.map((row) => row.node.id)).toEqual(['start', 'read', 'each', 'score', 'good', 'keep', 'gone']);
  expect(rows[3]?.runs.map((one) => one.itemIndex)).toEqual([0, 1]);
  expect(rows[1]?.summary).toBeNull();
});

test('time runs on until the end', () => {
  const startedAt = '2026-11-20T10:00:00.000Z';
  expect(elapsedMs({ startedAt, endedAt: null }, Date.parse(startedAt) + 1500)).toBe(1500);
  expect(elapsedMs({ startedAt: null, endedAt: null }, 0)).toBeNull();
});

test('items that have no row yet count: 2 of 50 are done, the node is running', () => {
  const found = summariesOf(
    execution({
      status: 'running',
      nodes: [run('score', { itemIndex: 0 }), run('score', { itemIndex: 1 })],
      counts: { score: { succeeded: 2, pending: 48 } },
    }),
  );
  expect(found.get('score')).toMatchObject({ status: 'running', runs: 50, succeeded: 2, endedAt: null });
});

test('what went into a step is what came out of the one before it, of the same item', () => {
  const done = execution({
    input: { campaign: 'spring' },
    nodes: [
      run('start', { output: { campaign: 'spring' } }),
      run('score', { itemIndex: 0, output: 'a' }),
      run('score', { itemIndex: 1, output: 'b' }),
      run('good', { itemIndex: 1 }),
    ],
  });
  expect(inputOf(leadFlow(), done, done.nodes[3]!)).toBe('b');
  expect(inputOf(leadFlow(), done, done.nodes[0]!)).toEqual({ campaign: 'spring' });
});

test('a paused run names the budget that is full', () => {
  expect(
    pauseReason(
      execution({
        status: 'paused_budget',
        refusal: {
          reason: 'budget_exceeded',
          scope: { type: 'team' },
          limitNanoUsd: 5,
          spentNanoUsd: 4,
          askedNanoUsd: 2,
        },
      }),
    ),
  ).toMatchObject({ scope: 'team', limitNanoUsd: 5, spentNanoUsd: 4, askedNanoUsd: 2 });
});

test('a person is asked by approvals and by what nobody knows; delays, retries and called workflows go on by themselves', () => {
  const waiting = (nodeId: string, what: NonNullable<NodeRun['wait']>['for']): NodeRun => ({
    ...run(nodeId, { status: 'waiting' }),
    wait: { for: what, until: null },
  });
  const nodes = [
    waiting('a', 'approval'),
    run('b', { status: 'needs_review' }),
    waiting('c', 'delay'),
    waiting('d', 'retry'),
    waiting('e', 'workflow'),
    waiting('f', 'budget'),
    run('g', { status: 'waiting' }),
    run('h', { status: 'failed' }),
  ];
  const ids = (runs: NodeRun[]) => runs.map(({ nodeId }) => nodeId);
  expect(ids(nodes.filter(asksPerson))).toEqual(['a', 'b']);
  expect(ids(waitsAlone(execution({ nodes })))).toEqual(['c', 'd', 'e']);
});

test('items are counted from one, in nested maps one level after the other', () => {
  expect(itemWords({})).toBe('');
  expect(itemWords({ itemIndex: 0 })).toBe('item 1');
  expect(itemWords({ itemIndex: 6, itemPath: [1, 6] })).toBe('item 2.7');
});

test('a step that was kept was not begun, and an output is had as a file by step and item', () => {
  expect([
    isKept(run('a', { attempts: 0 })),
    isKept(run('a')),
    isKept(run('a', { attempts: 0, status: 'skipped' })),
  ]).toEqual([true, false, false]);
  expect([
    outputAddress('exec_1', run('a')),
    outputAddress('exec_1', run('a', { itemIndex: 3 })),
    outputAddress('exec_1', run('a', { itemIndex: 3, itemPath: [1, 3] })),
  ]).toEqual([
    '/api/executions/exec_1/nodes/a/output',
    '/api/executions/exec_1/nodes/a/output?itemPath=3',
    '/api/executions/exec_1/nodes/a/output?itemPath=1.3',
  ]);
});
