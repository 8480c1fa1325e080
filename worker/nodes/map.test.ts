import { describe, expect, it } from 'vitest';
import { nodeContext, nodeContract } from '../../tests/contracts/node.ts';
import { map } from './map.ts';

nodeContract(map, { items: 'trigger.items', concurrency: 3 });

describe('map', () => {
  const scope = { trigger: { items: [1, 2] }, nodes: {} };

  it('takes its items from an expression', async () =>
    expect(await map.run({ items: 'trigger.items' }, nodeContext({ scope }))).toEqual({
      ok: true,
      value: { output: [1, 2] },
    }));

  it('takes its items as a rendered template gave them', async () =>
    expect(await map.run({ items: ['a'] }, nodeContext({ scope }))).toEqual({
      ok: true,
      value: { output: ['a'] },
    }));

  it('is refused when the items are not an array', async () =>
    expect(await map.run({ items: 'trigger.missing' }, nodeContext({ scope }))).toMatchObject({
      ok: false,
      error: { reason: 'refused', field: 'items', message: 'must give an array, but gives nothing' },
    }));
});
