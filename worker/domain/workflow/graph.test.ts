import { describe, expect, it } from 'vitest';
import { evaluators, nodeKinds } from '../../nodes/registry.ts';
import { definitionSchema, type DefinitionInput } from './definition.ts';
import { checkDefinition, findCycle } from './graph.ts';

const trigger = { id: 'start', kind: 'trigger', config: { on: 'manual' } };
const transform = (id: string, more = {}) => ({
  id,
  kind: 'transform',
  config: { expression: '1' },
  ...more,
});
const edge = (source: string, target: string, sourceHandle?: string) => ({
  id: `${source}-${sourceHandle ?? ''}-${target}`,
  source,
  target,
  ...(sourceHandle ? { sourceHandle } : {}),
});
const check = (nodes: unknown[], edges: unknown[] = []) =>
  checkDefinition(
    definitionSchema.parse({ name: 'w', nodes, edges } as DefinitionInput),
    nodeKinds,
    evaluators,
  );
const map = { id: 'each', kind: 'map', config: { items: 'trigger' } };
const inside = { parentId: 'each' };

describe('a definition', () => {
  it('is sound when a trigger leads everywhere', () =>
    expect(
      check(
        [trigger, map, transform('a', inside), transform('b', inside)],
        [edge('start', 'each'), edge('a', 'b')],
      ),
    ).toEqual({ errors: [], problems: [] }));

  it.each<[string, unknown[], unknown[], string, RegExp]>([
    ['an id twice', [trigger, transform('start')], [], 'nodes.1.id', /already/],
    ['an unknown kind', [{ id: 'x', kind: 'teleport', config: {} }], [], 'nodes.0.kind', /teleport/],
    ['a dangling source', [trigger], [edge('ghost', 'start')], 'edges.0.source', /ghost/],
    ['a dangling target', [trigger], [edge('start', 'ghost')], 'edges.0.target', /ghost/],
    ['an edge into a trigger', [trigger, transform('a')], [edge('a', 'start')], 'edges.0.target', /trigger/],
    [
      'an unknown handle',
      [trigger, { id: 'if', kind: 'condition', config: { expression: '1' } }, transform('a')],
      [edge('start', 'if'), edge('if', 'a', 'maybe')],
      'edges.1.sourceHandle',
      /true, false/,
    ],
    [
      'a handle left out',
      [trigger, { id: 'if', kind: 'condition', config: { expression: '1' } }, transform('a')],
      [edge('start', 'if'), edge('if', 'a')],
      'edges.1.sourceHandle',
      /several outputs/,
    ],
    [
      'an error output nobody asked for',
      [trigger, transform('a'), transform('b')],
      [edge('start', 'a'), edge('a', 'b', 'error')],
      'edges.1.sourceHandle',
      /no output "error"/,
    ],
    [
      'the same edge twice',
      [trigger, transform('a')],
      [edge('start', 'a'), { ...edge('start', 'a'), id: '2' }],
      'edges.1.target',
      /already joined/,
    ],
    [
      'an edge id twice',
      [trigger, transform('a'), transform('b')],
      [
        { ...edge('start', 'a'), id: '1' },
        { ...edge('start', 'b'), id: '1' },
      ],
      'edges.1.id',
      /already/,
    ],
    [
      'a body outside a map',
      [trigger, transform('a', { parentId: 'start' })],
      [],
      'nodes.1.parentId',
      /only a map/,
    ],
    ['a body of nothing', [trigger, transform('a', { parentId: 'ghost' })], [], 'nodes.1.parentId', /ghost/],
    [
      'an edge from a map to its body',
      [trigger, map, transform('a', inside)],
      [edge('start', 'each'), edge('each', 'a')],
      'edges.1.target',
      /own body/,
    ],
    [
      'an edge across scopes',
      [trigger, map, transform('a', inside)],
      [edge('start', 'a')],
      'edges.0.target',
      /same map/,
    ],
    [
      'a trigger in a map',
      [trigger, map, { ...trigger, id: 't2', parentId: 'each' }],
      [],
      'nodes.2.parentId',
      /trigger/,
    ],
    ['a map inside itself', [trigger, { ...map, parentId: 'each' }], [], 'nodes.1.parentId', /itself/],
    [
      'an unknown field of a config',
      [{ ...trigger, config: { on: 'manual', off: 1 } }],
      [],
      'nodes.0.config.off',
      /unknown field/,
    ],
    [
      'a wrong type in a config',
      [trigger, { id: 'x', kind: 'transform', config: { expression: 5 } }],
      [edge('start', 'x')],
      'nodes.1.config.expression',
      /string/,
    ],
  ])('is refused for %s', (_, nodes, edges, path, message) => {
    const { errors } = check(nodes, edges);
    expect(errors.map((issue) => issue.path)).toContain(path);
    expect(errors.find((issue) => issue.path === path)!.message).toMatch(message);
  });

  it('is refused for a cycle, which is named by its nodes', () => {
    const { errors } = check(
      [trigger, transform('a'), transform('b'), transform('c')],
      [edge('start', 'a'), edge('a', 'b'), edge('b', 'c'), edge('c', 'a')],
    );
    expect(errors).toEqual([{ path: 'edges', message: expect.stringContaining('"a" -> "b" -> "c" -> "a"') }]);
  });

  it('finds a cycle in a long chain without ending the stack', () => {
    const ids = Array.from({ length: 50_000 }, (_, n) => `n${n}`);
    const edges = ids.map((id, n) => edge(id, ids[(n + 1) % ids.length]!));
    expect(findCycle({ nodes: ids.map((id) => transform(id)) as never, edges })).toHaveLength(50_001);
  });

  it.each<[string, unknown[], unknown[], string, RegExp]>([
    ['no trigger', [], [], 'nodes', /no trigger/],
    ['a second trigger', [trigger, { ...trigger, id: 't2' }], [], 'nodes.1', /second trigger/],
    ['a node nothing leads to', [trigger, transform('a')], [], 'nodes.1', /never run/],
    ['an empty map', [trigger, map], [edge('start', 'each')], 'nodes.1', /empty/],
    [
      'an expression that does not compile',
      [trigger, transform('a', { config: { expression: 'a >' } })],
      [edge('start', 'a')],
      'nodes.1.config.expression',
      /character 3/,
    ],
    [
      'a template that does not compile',
      [trigger, { id: 'o', kind: 'output', config: { value: { deep: ['{{ a'] } } }],
      [edge('start', 'o')],
      'nodes.1.config.value.deep.0',
      /character/,
    ],
    [
      'a missing field',
      [trigger, { id: 'd', kind: 'data_source' }],
      [edge('start', 'd')],
      'nodes.1.config.dataSourceId',
      /missing/,
    ],
    [
      'an empty field',
      [trigger, { id: 'd', kind: 'data_source', config: { dataSourceId: '' } }],
      [edge('start', 'd')],
      'nodes.1.config.dataSourceId',
      /./,
    ],
  ])('may be a draft, but does not run, with %s', (_, nodes, edges, path, message) => {
    const { errors, problems } = check(nodes, edges);
    expect(errors).toEqual([]);
    expect(problems.map((issue) => issue.path)).toContain(path);
    expect(problems.find((issue) => issue.path === path)!.message).toMatch(message);
  });

  it('takes a template where the schema wants a number', () =>
    expect(
      check(
        [
          trigger,
          { id: 'p', kind: 'prompt', config: { model: 'm', prompt: 'x', maxTokens: '{{ trigger.max }}' } },
        ],
        [edge('start', 'p')],
      ),
    ).toEqual({ errors: [], problems: [] }));

  it('refuses a config that is nested without end', () => {
    let value: unknown = 1;
    for (let depth = 0; depth < 100_000; depth++) value = [value];
    const parsed = definitionSchema.safeParse({
      name: 'w',
      nodes: [{ id: 'o', kind: 'output', config: { value } }],
      edges: [],
    });
    expect(parsed.error?.issues[0]?.path.join('.')).toBe('nodes.0.config');
  });
});
