import { describe, expect, it } from 'vitest';
import { nodeKinds } from '../../nodes/registry.ts';
import { definitionSchema } from './definition.ts';
import { estimateRun } from './estimate.ts';
import { planOf } from './plan.ts';

const ask = (id: string, parentId?: string) => ({ id, kind: 'prompt', parentId });
const plan = planOf(
  definitionSchema.parse({
    name: 'w',
    nodes: [
      { id: 'start', kind: 'trigger' },
      { id: 'm', kind: 'map' },
      ask('each', 'm'),
      { id: 'if', kind: 'condition', parentId: 'm' },
      ask('hot', 'm'),
      ask('last'),
    ],
    edges: [
      { id: '1', source: 'start', target: 'm' },
      { id: '2', source: 'each', target: 'if' },
      { id: '3', source: 'if', sourceHandle: 'true', target: 'hot' },
      { id: '4', source: 'm', target: 'last' },
    ],
  }),
  nodeKinds,
);
const one = (runs: number) => ({ costNanoUsd: { low: 1, expected: 2, high: 3, max: 10 }, runs });

describe('the estimate of a run', () => {
  it('multiplies by items, halves behind a decision, and adds up', () => {
    const calls = new Map([
      ['each', one(20)],
      ['hot', one(0)],
      ['last', one(7)],
    ]);
    const estimate = estimateRun(plan, new Map([['m', 50]]), calls);
    expect(estimate.nodes.map(({ nodeId, calls: often }) => [nodeId, often])).toEqual([
      ['each', { low: 50, expected: 50, high: 50 }],
      ['hot', { low: 0, expected: 25, high: 50 }],
      ['last', { low: 1, expected: 1, high: 1 }],
    ]);
    expect(estimate.costNanoUsd).toEqual({ low: 51, expected: 152, high: 303, max: 1010 });
    expect(estimate.guessShare).toBeCloseTo(50 / 152);
    expect(estimate.basis).toEqual({ kind: 'rough', runs: 0 });
  });

  it('names what nobody can tell, and does not take it for nothing', () => {
    const estimate = estimateRun(
      plan,
      new Map([['m', null]]),
      new Map([
        ['each', one(1)],
        ['last', null],
      ]),
    );
    expect(estimate.unknown).toEqual(['each', 'hot', 'last']);
    expect(estimate.nodes[0]).toMatchObject({
      calls: null,
      costNanoUsd: null,
      perCallNanoUsd: { expected: 2 },
    });
  });
});
