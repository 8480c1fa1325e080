import { describe, expect, it } from 'vitest';
import { nodeContext, nodeContract } from '../../tests/contracts/node.ts';
import { transform } from './transform.ts';

nodeContract(transform, { expression: '{ "a": 1 }' });

describe('transform', () => {
  it('makes a new value out of the data so far', async () => {
    const scope = { nodes: { data: { rows: [{ n: 1 }, { n: 2 }] } } };
    const outcome = await transform.run(
      { expression: '{ "sum": $sum(nodes.data.rows.n) }' },
      nodeContext({ scope }),
    );
    expect(outcome).toEqual({ ok: true, value: { output: { sum: 3 } } });
  });

  it('gives null for what matches nothing', async () =>
    expect(await transform.run({ expression: 'nothing' }, nodeContext())).toEqual({
      ok: true,
      value: { output: null },
    }));

  it('is refused, never retried, when the expression fails', async () =>
    expect(await transform.run({ expression: '$number("x")' }, nodeContext())).toMatchObject({
      ok: false,
      error: { reason: 'refused', field: 'expression' },
    }));
});
