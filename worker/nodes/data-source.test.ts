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

  describe('of more rows than should stand in memory', () => {
    const TEXT = 'x'.repeat(1_000);
    const wide = (count: number): DataSourceDeps => ({
      async readRows({ offset, limit }) {
        const rows = Array.from({ length: Math.min(limit, count - offset) }, (_, i) => ({
          id: offset + i,
          TEXT,
        }));
        return { rows, total: count };
      },
    });
    const pieces = async (config: object, count: number) => {
      const outcome = await dataSource.run(
        { dataSourceId: 'ds_1', ...config },
        nodeContext({ deps: wide(count) }),
      );
      if (!outcome.ok) return outcome.error;
      expect(outcome.value.output).toBeNull();
      let text = '';
      for await (const piece of outcome.value.json!) {
        if (!piece.ok) return piece.error;
        text += piece.value;
      }
      return JSON.parse(text) as { rows: { id: number }[]; count: number };
    };

    it('gives its JSON piece by piece', async () => {
      const given = (await pieces({}, 2_500)) as { rows: { id: number }[]; count: number };
      expect(given.count).toBe(2_500);
      expect(given.rows.map(({ id }) => id)).toEqual(Array.from({ length: 2_500 }, (_, id) => id));
    });

    it('stops at the limit there, too', async () =>
      expect(await pieces({ limit: 1_700 }, 2_500)).toMatchObject({ count: 1_700 }));

    it('fails when a row that comes late makes the query fail', async () =>
      expect(await pieces({ query: 'id = 2000 ? $error("no") : true' }, 2_500)).toMatchObject({
        reason: 'refused',
        field: 'query',
        message: expect.stringContaining('no'),
      }));
  });
});
