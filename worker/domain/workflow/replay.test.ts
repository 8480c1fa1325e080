import { describe, expect, it } from 'vitest';
import { edge, KINDS, node, start } from '../../../tests/workflow-world.ts';
import { definitionSchema } from './definition.ts';
import { planOf } from './plan.ts';
import { aloneDefinition, keptOf } from './replay.ts';

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
  keptOf(plan, ended(statuses), from).map(({ nodeId }) => nodeId);

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
    expect(keptOf(plan, ended(good), 'm').find(({ nodeId }) => nodeId === 'c')?.handle).toBe('true'));

  it('is of another definition what still stands where it stood; what is new there runs', () => {
    const before = { ...good, m: 'succeeded', gone: 'succeeded', x: 'succeeded' };
    expect(kept(before, 'end')).toEqual(['start', 'a', 'b', 'c', 'yes', 'm']);
    expect(kept({ start: 'succeeded', a: 'succeeded' }, 'end')).toEqual(['start', 'a']);
  });

  it('is nothing when it begins at the trigger', () => expect(kept(good, 'start')).toEqual([]));
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
    expect(alone('m', ['b'])).toMatchObject({ nodes: ['trigger', 'b', 'm', 'x', 'y'], edges: ['b-m', 'xy'] });
    expect(alone('y', [])).toMatchObject({ nodes: ['trigger', 'y'], edges: ['trigger-y'] });
  });
  it('stands in no line', () => expect(alone('c', []).settings.maxConcurrent).toBeUndefined());
});
