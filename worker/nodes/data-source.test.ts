import { describe, expect, it } from 'vitest';
import { nodeContext, nodeContract } from '../../tests/contracts/node.ts';
import { dataSource, type DataSourceDeps } from './data-source.ts';

nodeContract(dataSource, { dataSourceId: 'ds_1', query: 'employees > 50', limit: 10 });

const ALL = Array.from({ length: 2500 }, (_, id) => ({ id, even: id % 2 === 0 }));
const asked: number[] = [];
const deps: DataSourceDeps = {
  async readRows({ dataSourceId, offset, limit }) {
    asked.push(offset);
    return dataSourceId === 'ds_1' ? { rows: ALL.slice(offset, offset + limit), total: ALL.length } : null;
  },
};
const run = async (config: Parameters<typeof dataSource.run>[0]) => {
  const outcome = await dataSource.run(config, nodeContext({ deps }));
  return outcome.ok ? (outcome.value.output as { rows: unknown[]; count: number }) : outcome.error;
};

describe('data_source', () => {
  it('reads all rows, a window at a time', async () => {
    asked.length = 0;
    expect(await run({ dataSourceId: 'ds_1' })).toEqual({ rows: ALL, count: 2500 });
    expect(asked).toEqual([0, 1000, 2000]);
  });

  it('stops at the limit', async () =>
    expect(await run({ dataSourceId: 'ds_1', limit: 3 })).toEqual({ rows: ALL.slice(0, 3), count: 3 }));

  it('keeps the rows for which the query is true, and counts the limit in those', async () =>
    expect(await run({ dataSourceId: 'ds_1', query: 'even and id > 3', limit: 2 })).toEqual({
      rows: [ALL[4], ALL[6]],
      count: 2,
    }));

  it('names the field when the source is not there', async () =>
    expect(await run({ dataSourceId: 'ds_2' })).toMatchObject({ reason: 'refused', field: 'dataSourceId' }));
});
