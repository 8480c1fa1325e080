import { describe, expect, it } from 'vitest';
import { nodeContext, nodeContract } from '../../tests/contracts/node.ts';
import { err, ok } from '../domain/result.ts';
import { action, type ActionDeps } from './action.ts';

nodeContract(action, { dataSourceId: 'ds_1', operation: 'insert', params: { a: 1 }, safeToRepeat: true });

const deps: ActionDeps = {
  writableKinds: () => ['rest'],
  write: async ({ idempotencyKey }, call) =>
    call.operation === 'insert'
      ? ok({ ...call.params, key: idempotencyKey })
      : err({ reason: 'refused', field: 'operation', message: 'there is no such operation' }),
};

describe('action', () => {
  it('hands on what the other system answered', async () =>
    expect(
      await action.run(
        { dataSourceId: 'ds_1', operation: 'insert', params: { a: 1 } },
        nodeContext({ deps }),
      ),
    ).toEqual(ok({ output: { a: 1, key: 'abc' } })));

  it('names what it cannot do', async () =>
    expect(
      await action.run({ dataSourceId: 'ds_1', operation: 'burn', params: {} }, nodeContext({ deps })),
    ).toMatchObject({ error: { field: 'operation' } }));

  it('is not done again by itself, unless the workflow says that it may be', () => {
    const may = action.idempotent as (config: object) => boolean;
    expect([may({}), may({ safeToRepeat: true })]).toEqual([false, true]);
  });
});
