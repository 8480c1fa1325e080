import { describe, expect, it } from 'vitest';
import { nodeContext, nodeContract } from '../../tests/contracts/node.ts';
import { merge } from './merge.ts';

nodeContract(merge, { mode: 'any' });

describe('merge', () => {
  it('gives each value under the node it came from', async () =>
    expect(await merge.run({ mode: 'all' }, nodeContext({ inputs: { a: 1, b: null } }))).toMatchObject({
      value: { output: { a: 1, b: null } },
    }));

  it('joins with the first only where it says so', () =>
    expect([{ mode: 'any' }, { mode: 'all' }, {}].map((config) => merge.joinsAny!(config))).toEqual([
      true,
      false,
      false,
    ]));
});
