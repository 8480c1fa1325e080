import { expect, test } from 'vitest';
import { leadFlow } from './fixture.ts';
import { lastNode, outline, upstreamOf, whyNotConnect, withDescendants } from './graph.ts';

test('an edge that would close a loop is refused, and says to use a map', () => {
  const flow = leadFlow();
  flow.nodes.push({ id: 'after', kind: 'transform', position: { x: 900, y: 0 }, config: {} });
  flow.edges.push({ id: 'e5', source: 'each', target: 'after' });
  expect(whyNotConnect(flow, { source: 'after', target: 'read' })).toMatch(/loop.*map/);
});

test('no edge crosses the border of a map, none leads into a trigger, none is drawn twice', () => {
  const flow = leadFlow();
  expect(whyNotConnect(flow, { source: 'each', target: 'score' })).toMatch(/inside a map/);
  expect(whyNotConnect(flow, { source: 'read', target: 'start' })).toMatch(/trigger/);
  expect(whyNotConnect(flow, { source: 'read', target: 'each' })).toMatch(/already/);
  expect(whyNotConnect(flow, { source: 'read', target: 'read' })).toMatch(/itself/);
  expect(whyNotConnect(flow, { source: 'good', sourceHandle: 'false', target: 'keep' })).toBeNull();
});

test('a step inside a map can read what stands before the map', () => {
  expect(upstreamOf(leadFlow(), 'good').map((node) => node.id)).toEqual(['start', 'read', 'score']);
});

test('the outline lists map bodies one level deeper, in reading order', () => {
  const rows = outline(leadFlow()).map(({ node, depth }) => `${'-'.repeat(depth)}${node.id}`);
  expect(rows).toEqual(['start', 'read', 'each', '-score', '-good', '-keep']);
  expect(outline(leadFlow()).find((row) => row.node.id === 'good')?.next).toEqual([
    { id: 'keep', handle: 'true' },
  ]);
});

test('reading order follows edges, not the place on the canvas', () => {
  const flow = leadFlow();
  flow.nodes.find((node) => node.id === 'start')!.position.x = 5000;
  expect(outline(flow)[0]?.node.id).toBe('start');
  expect(lastNode(flow)?.id).toBe('each');
});

test('whatever stands in a map goes where the map goes', () => {
  expect([...withDescendants(leadFlow(), ['each'])]).toEqual(['each', 'score', 'good', 'keep']);
});
