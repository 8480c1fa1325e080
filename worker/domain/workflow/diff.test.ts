import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { diffOf, isEmpty, isSame, type Compared } from './diff.ts';

const node = (id: string, config: object = {}, more: object = {}) => ({
  id,
  kind: 'prompt',
  position: { x: 0, y: 0 },
  config,
  ...more,
});
const flow = (nodes: ReturnType<typeof node>[], more: Partial<Compared> = {}) => ({
  name: 'Leads',
  edges: [],
  settings: {},
  ...more,
  nodes,
});

describe('two definitions', () => {
  it('differ in a step that was added, one that was removed, and the fields of one that was changed', () => {
    const before = flow([
      node('a', { model: 'small', prompt: 'Hi' }),
      node('gone', { prompt: 'Bye' }, { name: 'Old' }),
    ]);
    const after = flow([
      node('a', { model: 'large', prompt: 'Hi', json: true }),
      node('b', { prompt: 'New' }),
    ]);
    const { nodes } = diffOf(before, after);
    expect(nodes.map(({ change, node: { id } }) => [change, id])).toEqual([
      ['changed', 'a'],
      ['added', 'b'],
      ['removed', 'gone'],
    ]);
    expect(nodes[0]!.fields).toEqual([
      { path: ['config', 'model'], before: 'small', after: 'large' },
      { path: ['config', 'json'], before: undefined, after: true },
    ]);
    expect(nodes[2]!.fields).toEqual([
      { path: ['config', 'prompt'], before: 'Bye', after: undefined },
      { path: ['name'], before: 'Old', after: undefined },
    ]);
  });

  it('go down into objects, but take a list as one value', () => {
    const [change] = diffOf(
      flow([node('a', { tags: ['x', 'y'], options: { depth: { n: 1 }, same: true } })]),
      flow([node('a', { tags: ['x'], options: { depth: { n: 2 }, same: true } }, { timeoutMs: 5 })]),
    ).nodes;
    expect(change!.fields).toEqual([
      { path: ['config', 'tags'], before: ['x', 'y'], after: ['x'] },
      { path: ['config', 'options', 'depth', 'n'], before: 1, after: 2 },
      { path: ['timeoutMs'], before: undefined, after: 5 },
    ]);
  });

  it('do not differ in where steps stand, in the order of fields, nor in an empty description', () => {
    const diff = diffOf(
      flow([node('a', { x: 1, y: 2 }), node('b')], { description: '' }),
      flow([node('a', { y: 2, x: 1 }, { position: { x: 9, y: 9 } }), node('b')]),
    );
    expect([isEmpty(diff), diff.moved]).toEqual([true, 1]);
  });

  it('take a step that became another kind for a new one', () => {
    const { nodes } = diffOf(flow([node('a')]), flow([node('a', {}, { kind: 'http' })]));
    expect(nodes.map(({ change, node: { kind } }) => [change, kind])).toEqual([
      ['added', 'http'],
      ['removed', 'prompt'],
    ]);
  });

  it('differ in lines by what they join, whatever their ids, and in name and settings', () => {
    const line = (source: string, target: string, sourceHandle?: string) => ({
      id: Math.max(source.length, 1),
      source,
      target,
      sourceHandle,
    });
    const nodes = [node('a'), node('b')];
    const { edges, workflow } = diffOf(
      flow(nodes, { edges: [line('a', 'b', 'true'), line('a', 'b', '')], settings: { timeoutMs: 1 } }),
      flow(nodes, { edges: [line('a', 'b', 'false'), line('a', 'b')], name: 'Leads 2' }),
    );
    expect(edges).toEqual([
      { change: 'added', source: 'a', handle: 'false', target: 'b' },
      { change: 'removed', source: 'a', handle: 'true', target: 'b' },
    ]);
    expect(workflow).toEqual([
      { path: ['name'], before: 'Leads', after: 'Leads 2' },
      { path: ['settings', 'timeoutMs'], before: 1, after: undefined },
    ]);
  });

  it('differ in nothing exactly when they hold the same, and the other way round what was added is removed', () => {
    const config = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.jsonValue({ maxDepth: 2 }));
    const nodes = fc
      .dictionary(fc.constantFrom('n1', 'n2', 'n3'), config)
      .map((all) => Object.entries(all).map(([id, one]) => node(id, one)));
    fc.assert(
      fc.property(nodes, nodes, (one, other) => {
        const [there, back] = [diffOf(flow(one), flow(other)), diffOf(flow(other), flow(one))];
        const byId = (list: typeof one) => new Map(list.map((each) => [each.id, each.config]));
        const same = isSame(Object.fromEntries(byId(one)), Object.fromEntries(byId(other)));
        expect(isEmpty(there)).toBe(same);
        const count = (diff: typeof there, change: string) =>
          diff.nodes.filter((each) => each.change === change).length;
        expect(count(there, 'added')).toBe(count(back, 'removed'));
        expect(count(there, 'changed')).toBe(count(back, 'changed'));
        for (const { change, fields } of there.nodes)
          if (change === 'changed') expect(fields).not.toEqual([]);
      }),
      { seed: 16, numRuns: 100 },
    );
  });
});
