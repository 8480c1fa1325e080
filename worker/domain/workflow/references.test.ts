import { describe, expect, it } from 'vitest';
import { edge, KINDS, node, start } from '../../../tests/workflow-world.ts';
import { definitionSchema } from './definition.ts';
import { planOf } from './plan.ts';
import { neededBy, placeNamed } from './references.ts';

const needed = (config: object, kind = 'safe') => {
  const nodes = [start, node('before'), node('it', kind, { config })];
  const edges = [edge('start', 'before'), edge('before', 'it')];
  const plan = planOf(definitionSchema.parse({ name: 'w', nodes, edges }), KINDS);
  const found = neededBy(plan.nodes.get('it')!);
  return found === 'all' ? found : [...found.keys()].sort();
};

describe('the outputs a node may ask for', () => {
  it.each<[object, string[] | 'all']>([
    [{}, ['before']],
    [{ prompt: 'Hi {{ nodes.a.text }} and {{ nodes . b }}' }, ['a', 'b', 'before']],
    [{ expression: 'nodes.`data-1`.rows' }, ['before', 'data-1']],
    [{ expression: 'nodes.data-1' }, ['before', 'data', 'data-1']],
    [{ deep: [{ value: '{{ nodes.c }}' }] }, ['before', 'c']],
    [{ expression: '$lookup(nodes, trigger.id)' }, 'all'],
    [{ prompt: '{{ nodes["x"] }}' }, 'all'],
    [{ expression: 'nodes.*' }, 'all'],
    [{ expression: '**.text' }, 'all'],
    [{ expression: '$string($)' }, 'all'],
    [{ expression: '$sum(trigger.n)' }, ['before']],
  ])('of %j are %j', (config, ids) => expect(needed(config)).toEqual(ids));

  it('are only those it names, where what comes in means nothing to it', () => {
    expect(needed({ prompt: 'Hi {{ nodes.a.text }}' }, 'asks')).toEqual(['a']);
    expect(needed({ prompt: 'Hi' }, 'asks')).toEqual([]);
    expect(needed({ expression: 'nodes.*' }, 'asks')).toBe('all');
  });
});

describe('what of an output a node may ask for', () => {
  it.each<[object, string[] | 'all']>([
    [{ prompt: '{{ nodes.a.count }} of {{ nodes . a . total }}' }, ['count', 'total']],
    [{ expression: 'nodes.`a`.rows[0].id' }, ['rows']],
    [{ expression: 'nodes.a.count', prompt: '{{ nodes.a }}' }, 'all'],
    [{ prompt: '{{ nodes.a["count"] }}' }, 'all'],
    [{ expression: '$keys(nodes.a)' }, 'all'],
    [{ expression: 'nodes.a.*' }, 'all'],
    [{ expression: 'nodes.a[0].count' }, 'all'],
    [{ prompt: '{{ nodes.a.size }}' }, 'all'],
    [{ expression: 'nodes.a.count - nodes.a.b' }, ['b', 'count']],
    [{ expression: 'nodes.a.count-1' }, 'all'],
    [{ expression: 'nodes.a.größe' }, 'all'],
    [{ expression: 'nodes.a\n.count' }, 'all'],
    [{ expression: 'nodes.a.count\n+ 1' }, ['count']],
  ])('of %j is %j', (config, members) => {
    const nodes = [start, node('before'), node('it', 'asks', { config })];
    const edges = [edge('start', 'before'), edge('before', 'it')];
    const plan = planOf(definitionSchema.parse({ name: 'w', nodes, edges }), KINDS);
    const found = neededBy(plan.nodes.get('it')!);
    const of = found === 'all' ? found : found.get('a')!;
    expect(of === 'all' ? of : [...of].sort()).toEqual(members);
  });
});

describe('a text that only names a place', () => {
  it.each<[string, { nodeId: string; path: string[] } | null]>([
    ['{{ nodes.read.rows }}', { nodeId: 'read', path: ['rows'] }],
    ['{{nodes.read-1.rows-}}', { nodeId: 'read-1', path: ['rows'] }],
    ['{{- nodes.read-1.rows -}}', { nodeId: 'read-1', path: ['rows'] }],
    ['nodes.read.rows', { nodeId: 'read', path: ['rows'] }],
    ['nodes.`read-1`.data.rows', { nodeId: 'read-1', path: ['data', 'rows'] }],
    ['nodes.read', { nodeId: 'read', path: [] }],
    ['nodes.read-1.rows', null],
    ['{{ nodes.read.rows | slice: 0, 2 }}', null],
    ['{{ nodes.read.rows.size }}', null],
    ['nodes.read.rows[id > 3]', null],
    ['{{ nodes.a.rows }}{{ nodes.b.rows }}', null],
    ['{{ trigger.rows }}', null],
    ['nodes.*', null],
  ])('in %s is %j', (text, place) => expect(placeNamed(text)).toEqual(place));
});
