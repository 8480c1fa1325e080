import { expect, test } from 'vitest';
import type { FlowDefinition } from './definition.ts';
import {
  addNode,
  connect,
  copy,
  moveNodes,
  paste,
  removeNodes,
  setCases,
  setConfig,
  setNode,
  setParent,
} from './edit.ts';
import { leadFlow } from './fixture.ts';
import { contentSize } from './size.ts';

test('a node added after another is joined to it, in the same map, and overlaps nothing', () => {
  const first = addNode(leadFlow(), { kind: 'transform', config: {} }, { after: 'score' });
  expect(first.id).toBe('transform_1');
  const second = addNode(first.flow, { kind: 'transform', config: {} }, { after: 'score' });
  const [a, b] = second.flow.nodes.slice(-2);
  expect(a?.parentId).toBe('each');
  expect(second.flow.edges.slice(-2).map((edge) => edge.source)).toEqual(['score', 'score']);
  expect(b!.position.y).toBeGreaterThan(a!.position.y);
});

test('a condition hands on by the handle that was chosen', () => {
  const { flow } = addNode(leadFlow(), { kind: 'output', config: {} }, { after: 'good', handle: 'false' });
  expect(flow.edges.at(-1)).toMatchObject({ source: 'good', sourceHandle: 'false', target: 'output_1' });
});

test('the first step inside a map has no incoming edge, the next follows it', () => {
  const flow = { ...leadFlow(), nodes: leadFlow().nodes.slice(0, 3), edges: [] };
  const first = addNode(flow, { kind: 'prompt', config: {} }, { inside: 'each' });
  expect(first.flow.edges).toEqual([]);
  const second = addNode(first.flow, { kind: 'output', config: {} }, { inside: 'each' });
  expect(second.flow.edges).toMatchObject([{ source: 'prompt_1', target: 'output_1' }]);
  expect(contentSize(second.flow, 'each').width).toBeGreaterThan(contentSize(flow, 'each').width);
});

test('removing a step in the middle joins its neighbours, removing a map takes its body along', () => {
  const healed = removeNodes(leadFlow(), ['read']);
  expect(healed.edges).toContainEqual(expect.objectContaining({ source: 'start', target: 'each' }));
  const gone = removeNodes(leadFlow(), ['each']);
  expect(gone.nodes.map((node) => node.id)).toEqual(['start', 'read']);
  expect(gone.edges).toHaveLength(1);
});

test('copies get new ids and their expressions speak of the copies', () => {
  const flow = leadFlow();
  const pasted = paste(flow, copy(flow, ['start', 'read', 'each']));
  expect(pasted.ids).toEqual(['data_source_1', 'map_1']);
  const byId = new Map(pasted.flow.nodes.map((node) => [node.id, node]));
  expect(byId.get('map_1')?.config.items).toBe('{{ nodes.data_source_1.rows }}');
  expect(byId.get('condition_1')?.config.expression).toBe('nodes.prompt_1.json.score > 7');
  expect(byId.get('prompt_1')?.parentId).toBe('map_1');
  expect(pasted.flow.nodes.filter((node) => node.kind === 'trigger')).toHaveLength(1);
  expect(new Set(pasted.flow.edges.map((edge) => edge.id)).size).toBe(pasted.flow.edges.length);
});

test('a copy of something inside a map stays in that map', () => {
  const flow = leadFlow();
  const pasted = paste(flow, copy(flow, ['score']));
  expect(pasted.flow.nodes.at(-1)).toMatchObject({ id: 'prompt_1', parentId: 'each' });
  expect(pasted.ids).toEqual(['prompt_1']);
});

test('moving a step out of its map drops the edges that would cross the border', () => {
  const out = setParent(leadFlow(), 'good', undefined);
  expect(out.nodes.find((node) => node.id === 'good')?.parentId).toBeUndefined();
  expect(out.edges.map((edge) => edge.id)).toEqual(['e1', 'e2']);
  expect(setParent(leadFlow(), 'each', 'each')).toEqual(leadFlow());
});

test('a refused edge leaves the workflow as it was', () => {
  const flow = leadFlow();
  const answer = connect(flow, { source: 'each', target: 'read' });
  expect(answer.refused).toMatch(/loop/);
  expect(answer.flow).toBe(flow);
});

test('untouched nodes keep their identity, so that the canvas redraws only what moved', () => {
  const flow = leadFlow();
  const moved = moveNodes(flow, new Map([['read', { x: 310.4, y: 1.6 }]]));
  expect(moved.nodes[1]?.position).toEqual({ x: 310, y: 2 });
  expect(moved.nodes[0]).toBe(flow.nodes[0]);
});

test('setting a config field to undefined removes it', () => {
  const flow = setConfig(leadFlow(), 'keep', { tags: undefined });
  expect(flow.nodes.at(-1)?.config).toEqual({ value: '{{ nodes.score.json }}' });
});

const switchFlow = (): FlowDefinition => ({
  ...leadFlow(),
  nodes: [
    { id: 'a', kind: 'trigger', position: { x: 0, y: 0 }, config: { on: 'manual' } },
    {
      id: 'b',
      kind: 'switch',
      position: { x: 300, y: 0 },
      onError: 'error',
      config: {
        cases: [
          { name: 'high', expression: 'true' },
          { name: 'low', expression: 'false' },
        ],
      },
    },
    { id: 'c', kind: 'output', position: { x: 600, y: 0 }, config: {} },
  ],
  edges: ['high', 'low', 'default', 'error'].map((sourceHandle) => ({
    id: sourceHandle,
    source: 'b',
    sourceHandle,
    target: 'c',
  })),
});
const handles = (flow: FlowDefinition) => flow.edges.map((edge) => edge.sourceHandle);

test('edges follow a renamed case, also when two cases change places, and go with a removed one', () => {
  const cases = [
    { name: 'low', expression: 'false', from: 1 },
    { name: 'hot', expression: 'true', from: 0 },
  ];
  const swapped = setCases(switchFlow(), 'b', cases);
  expect(handles(swapped)).toEqual(['hot', 'low', 'default', 'error']);
  expect(swapped.nodes[1]?.config.cases).toEqual([
    { name: 'low', expression: 'false' },
    { name: 'hot', expression: 'true' },
  ]);
  expect(handles(setCases(switchFlow(), 'b', cases.slice(0, 1)))).toEqual(['low', 'default', 'error']);
});

test('without its error output, a step loses the edges that hung on it', () => {
  expect(handles(setNode(switchFlow(), 'b', { onError: 'stop' }))).toEqual(['high', 'low', 'default']);
  expect(handles(setNode(switchFlow(), 'b', { name: 'Which' }))).toHaveLength(4);
});
