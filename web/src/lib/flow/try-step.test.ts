import { describe, expect, it } from 'vitest';
import type { FlowDefinition } from './definition.ts';
import type { Execution, NodeRun } from './execution.ts';
import { itemOf, itemsIn, needsOf, outputIn } from './try-step.ts';

const node = (id: string, kind: string, config: object = {}, parentId?: string) => ({
  id,
  kind,
  position: { x: 0, y: 0 },
  config: config as Record<string, unknown>,
  ...(parentId ? { parentId } : {}),
});
const flow: FlowDefinition = {
  name: 'Leads',
  nodes: [
    node('start', 'trigger', { on: 'manual' }),
    node('rows', 'data_source'),
    node('each', 'map', { items: 'nodes.rows.rows' }),
    node('ask', 'prompt', { prompt: '{{ item.name }} at {{ trigger.client }}' }, 'each'),
    node('score', 'transform', { expression: 'nodes.ask.json.score * nodes.`rows`.count' }, 'each'),
    node('sum', 'transform', { expression: '$sum(nodes.each.results)' }),
  ],
  edges: [
    { id: '1', source: 'start', target: 'rows' },
    { id: '2', source: 'rows', target: 'each' },
    { id: '3', source: 'ask', target: 'score' },
    { id: '4', source: 'each', target: 'sum' },
  ],
  settings: {},
};
const run = (nodeId: string, output: unknown, more: Partial<NodeRun> = {}): NodeRun => ({
  nodeId,
  status: 'succeeded',
  attempts: 1,
  startedAt: null,
  endedAt: null,
  inputTokens: 0,
  outputTokens: 0,
  costNanoUsd: 0,
  output,
  ...more,
});
const execution = {
  input: { client: 'Acme' },
  nodes: [
    run('rows', { rows: [{ name: 'Ada' }, { name: 'Bo' }], count: 2 }),
    run('ask', { text: 'first' }, { itemIndex: 0 }),
    run('ask', { text: 'second' }, { itemIndex: 1 }),
    run('sum', undefined, { status: 'failed' }),
  ],
} as unknown as Execution;

describe('what a step alone needs', () => {
  it('is what leads to it and what is written in it', () => {
    expect(needsOf(flow, 'sum')).toEqual({ nodes: ['each'], input: false, item: false });
    expect(needsOf(flow, 'score')).toEqual({ nodes: ['rows', 'ask'], input: false, item: false });
  });

  it('is the input behind the trigger or where it is named, and the item in a map', () => {
    expect(needsOf(flow, 'rows')).toEqual({ nodes: [], input: true, item: false });
    expect(needsOf(flow, 'ask')).toEqual({ nodes: [], input: true, item: true });
  });

  it('is, of a map, also what the steps inside it ask for from outside', () =>
    expect(needsOf(flow, 'each')).toEqual({ nodes: ['rows'], input: true, item: false }));
});

describe('what a run hands to it', () => {
  it('is the output of the item that was chosen, and nothing of a step that failed', () => {
    expect(outputIn(execution, 'ask', 1)).toEqual({ text: 'second' });
    expect(outputIn(execution, 'rows', 1)).toMatchObject({ count: 2 });
    expect(outputIn(execution, 'sum', 0)).toBeUndefined();
    expect([itemsIn(execution, 'ask'), itemsIn(execution, 'rows')]).toEqual([2, 0]);
  });

  it('is the item at the end of the path the map reads, if that is a plain one', () => {
    const known = { input: { list: [7, 8] }, outputOf: (id: string) => outputIn(execution, id, 0) };
    const map = (items: unknown) => node('each', 'map', { items });
    expect(itemOf(map('nodes.rows.rows'), known, 1)).toEqual({ name: 'Bo' });
    expect(itemOf(map('{{ nodes.rows.rows }}'), known, 0)).toEqual({ name: 'Ada' });
    expect(itemOf(map(' trigger.list '), known, 0)).toBe(7);
    expect(itemOf(map([1, 2]), known, 1)).toBe(2);
    for (const other of ['nodes.rows.rows[name="Ada"]', 'nodes.none.rows', 'nodes.rows.count', undefined])
      expect(itemOf(map(other), known, 0)).toBeUndefined();
  });
});
