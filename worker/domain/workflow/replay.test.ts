import { describe, expect, it } from 'vitest';
import { edge, KINDS, node, start } from '../../../tests/workflow-world.ts';
import { definitionSchema } from './definition.ts';
import { planOf, TOP } from './plan.ts';
import { aloneDefinition, isAllWell, keptIn, mapsWithin } from './replay.ts';

const inside = { parentId: 'm' };
const definition = definitionSchema.parse({
  name: 'w',
  nodes: [
    start,
    node('a'),
    node('b'),
    node('c', 'if'),
    node('yes'),
    node('no'),
    node('m', 'map'),
    node('x', 'safe', inside),
    node('y', 'safe', inside),
    node('n', 'map', inside),
    node('deep', 'safe', { parentId: 'n' }),
    node('deeper', 'safe', { parentId: 'n' }),
    node('end'),
  ],
  edges: [
    edge('start', 'a'),
    edge('start', 'b'),
    edge('a', 'c'),
    edge('c', 'yes', 'true'),
    edge('c', 'no', 'false'),
    edge('b', 'm'),
    edge('x', 'y'),
    edge('y', 'n'),
    edge('deep', 'deeper'),
    edge('yes', 'end'),
    edge('m', 'end'),
  ],
  settings: { maxConcurrent: 1 },
});
const plan = planOf(definition, KINDS);
const ended = (statuses: Record<string, string>) =>
  Object.entries(statuses).map(([nodeId, status]) => ({
    nodeId,
    status,
    handle: nodeId === 'c' ? 'true' : null,
  }));
const good = {
  start: 'succeeded',
  a: 'succeeded',
  b: 'succeeded',
  c: 'succeeded',
  yes: 'succeeded',
  no: 'skipped',
};
const kept = (statuses: Record<string, string>, from: string | null) =>
  keptIn(plan, TOP, { earlier: ended(statuses), fromNodeId: from, completed: false }).kept.map(
    ({ nodeId }) => nodeId,
  );
/** of one item of a map: what is kept, and maps whose items are looked at one by one */
const inItem = (scope: string, statuses: Record<string, string>, from: string | null) => {
  const { kept: results, resumed } = keptIn(plan, scope, {
    earlier: ended(statuses),
    fromNodeId: from,
    completed: false,
  });
  return [results, resumed].map((nodes) => nodes.map(({ nodeId }) => nodeId));
};

describe('what a replay takes over', () => {
  it('is all that succeeded, when it goes on from what had not', () => {
    expect(kept({ ...good, m: 'failed' }, null)).toEqual(['start', 'a', 'b', 'c', 'yes']);
    expect(kept({ ...good, b: 'cancelled' }, null)).toEqual(['start', 'a', 'c', 'yes']);
  });

  it('is nothing behind the node that it begins with', () => {
    expect(kept({ ...good, m: 'succeeded', end: 'succeeded' }, 'a')).toEqual(['start', 'b', 'm']);
    expect(kept({ ...good, m: 'succeeded', end: 'succeeded' }, 'end')).toEqual([
      'start',
      'a',
      'b',
      'c',
      'yes',
      'm',
    ]);
  });

  it('is not the map in which it begins', () =>
    expect(kept({ ...good, m: 'succeeded', end: 'succeeded' }, 'y')).toEqual([
      'start',
      'a',
      'b',
      'c',
      'yes',
    ]));

  it('keeps the way that a decision took', () =>
    expect(
      keptIn(plan, TOP, { earlier: ended(good), fromNodeId: 'm', completed: false }).kept.find(
        ({ nodeId }) => nodeId === 'c',
      )?.handle,
    ).toBe('true'));

  it('is nothing behind what had failed, whatever it begins with', () =>
    expect(kept({ ...good, a: 'failed', m: 'succeeded', end: 'succeeded' }, 'end')).toEqual([
      'start',
      'b',
      'm',
    ]));

  it('is of another definition what still stands where it stood; what is new there runs', () => {
    const before = { ...good, m: 'succeeded', gone: 'succeeded', x: 'succeeded' };
    expect(kept(before, 'end')).toEqual(['start', 'a', 'b', 'c', 'yes', 'm']);
    expect(kept({ start: 'succeeded', a: 'succeeded' }, 'end')).toEqual(['start', 'a']);
  });

  it('is nothing when it begins at the trigger', () => expect(kept(good, 'start')).toEqual([]));
});

describe('what a replay takes over inside a map', () => {
  const top = { ...good, m: 'failed' };
  it('is looked at item by item where the map runs again for its own sake', () => {
    expect(inItem(TOP, top, null)).toEqual([['start', 'a', 'b', 'c', 'yes'], ['m']]);
    expect(inItem(TOP, { ...top, m: 'succeeded' }, 'y')[1]).toEqual(['m']);
    expect(inItem(TOP, { ...top, m: 'succeeded' }, 'deep')[1]).toEqual(['m']);
  });
  it('is nothing where the map is begun with, or what stands before it runs anew', () => {
    expect(inItem(TOP, top, 'm')[1]).toEqual([]);
    expect(inItem(TOP, top, 'b')[1]).toEqual([]);
    expect(inItem(TOP, { ...top, b: 'failed' }, null)[1]).toEqual([]);
  });
  it('is of each item what had succeeded and follows from nothing that had not', () => {
    expect(inItem('m', { x: 'succeeded', y: 'succeeded', n: 'succeeded' }, null)).toEqual([
      ['x', 'y', 'n'],
      [],
    ]);
    expect(inItem('m', { x: 'succeeded', y: 'failed' }, null)).toEqual([['x'], []]);
    expect(inItem('m', { x: 'failed', y: 'skipped' }, null)).toEqual([[], []]);
    expect(inItem('m', {}, null)).toEqual([[], []]);
  });
  it('is, in every item, what stands before the node that is begun with', () => {
    const well = { x: 'succeeded', y: 'succeeded', n: 'succeeded' };
    expect(inItem('m', well, 'y')).toEqual([['x'], []]);
    expect(inItem('m', well, 'x')).toEqual([[], []]);
    expect(inItem('m', well, 'deep')).toEqual([['x', 'y'], ['n']]);
    expect(inItem('n', { deep: 'succeeded', deeper: 'succeeded' }, 'deeper')).toEqual([['deep'], []]);
  });
  it('goes down into maps that had not ended well', () => {
    expect(inItem('m', { x: 'succeeded', y: 'succeeded', n: 'failed' }, null)).toEqual([['x', 'y'], ['n']]);
    expect(inItem('m', { x: 'succeeded', y: 'failed', n: 'failed' }, null)).toEqual([['x'], []]);
    expect(mapsWithin(plan, 'm')).toEqual(['m', 'n']);
  });
});

describe('items that failed while their map went on', () => {
  const earlier = ended({ ...good, m: 'succeeded', end: 'succeeded' }).map((node) =>
    node.nodeId === 'm' ? { ...node, hasFailedItems: true } : node,
  );
  const of = (completed: boolean, fromNodeId: string | null) => {
    const { kept: results, resumed } = keptIn(plan, TOP, { earlier, fromNodeId, completed });
    return [results, resumed].map((nodes) => nodes.map(({ nodeId }) => nodeId));
  };
  it('are what a replay of a completed run is for', () => {
    expect(isAllWell(earlier)).toBe(false);
    expect(of(true, null)).toEqual([['start', 'a', 'b', 'c', 'yes'], ['m']]);
  });
  it('stay as they are when a failed run goes on, or a node is named', () => {
    expect(of(false, null)).toEqual([['start', 'a', 'b', 'c', 'yes', 'm', 'end'], []]);
    expect(of(true, 'end')).toEqual([['start', 'a', 'b', 'c', 'yes', 'm'], []]);
  });
  it('are none where all went well', () => {
    expect(isAllWell(ended(good))).toBe(true);
    expect(isAllWell(ended({ ...good, b: 'failed' }))).toBe(false);
  });
});

describe('a node alone', () => {
  const alone = (id: string, given: string[]) => {
    const { nodes, edges, settings } = aloneDefinition(definition, id, given);
    return { nodes: nodes.map((one) => one.id), edges: edges.map(({ id: name }) => name), settings };
  };
  it('hangs on the trigger, or on the outputs given for those that lead to it', () => {
    expect(alone('c', [])).toMatchObject({ nodes: ['trigger', 'c'], edges: ['trigger-c'] });
    expect(alone('c', ['a', 'b'])).toMatchObject({ nodes: ['trigger', 'a', 'b', 'c'], edges: ['a-c'] });
  });
  it('takes along what stands inside it, and leaves what it stands in', () => {
    expect(alone('m', ['b'])).toMatchObject({
      nodes: ['trigger', 'b', 'm', 'x', 'y', 'n', 'deep', 'deeper'],
      edges: ['b-m', 'xy', 'yn', 'deepdeeper'],
    });
    expect(alone('y', [])).toMatchObject({ nodes: ['trigger', 'y'], edges: ['trigger-y'] });
  });
  it('stands in no line', () => expect(alone('c', []).settings.maxConcurrent).toBeUndefined());
});
