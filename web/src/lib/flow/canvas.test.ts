import { expect, test } from 'vitest';
import { mapAt, nodeName, toCanvasNodes, type CanvasInput, type NodeView } from './canvas.ts';
import { moveNodes } from './edit.ts';
import { leadFlow, nodeTypes } from './fixture.ts';

const view: NodeView = {
  status: 'not_run',
  statusText: 'not run',
  progress: '',
  costNanoUsd: null,
  estimateNanoUsd: null,
  problem: '',
  dirty: false,
  summary: '',
};
const input = (more: Partial<CanvasInput> = {}): CanvasInput => ({
  flow: leadFlow(),
  types: nodeTypes,
  selection: new Set(),
  view: () => view,
  money: (nano) => `$${nano / 1e9}`,
  ...more,
});

test('a map is drawn before what stands in it', () => {
  const flow = leadFlow();
  flow.nodes.reverse();
  const ids = toCanvasNodes(input({ flow }), []).map((node) => node.id);
  expect(ids.indexOf('each')).toBeLessThan(ids.indexOf('score'));
});

test('moving one node makes one new object', () => {
  const flow = leadFlow();
  const first = toCanvasNodes(input({ flow }), []);
  const second = toCanvasNodes(
    input({ flow: moveNodes(flow, new Map([['read', { x: 333, y: 9 }]])) }),
    first,
  );
  expect(second.filter((node) => !first.includes(node)).map((node) => node.id)).toEqual(['read']);
});

test('a node says kind, label, status and estimate', () => {
  const [node] = toCanvasNodes(
    input({
      view: () => ({ ...view, status: 'succeeded', statusText: 'succeeded', estimateNanoUsd: 4_200_000 }),
    }),
    [],
  );
  expect(nodeName(node!.data, () => '$0.0042')).toBe('Trigger: Trigger, succeeded, estimated $0.0042');
  expect(node?.domAttributes).toMatchObject({ 'data-testid': 'canvas-node', 'data-status': 'succeeded' });
});

test('a point over a map is inside it, a point beside it is not', () => {
  expect(mapAt(leadFlow(), { x: 630, y: 40 })).toEqual({ id: 'each', x: 30, y: 40 });
  expect(mapAt(leadFlow(), { x: 590, y: 40 })).toBeNull();
});
