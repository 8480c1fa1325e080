import { describe, expect, it } from 'vitest';
import { nodeContext, nodeContract } from '../../tests/contracts/node.ts';
import { delay } from './delay.ts';

nodeContract(delay, { ms: 1000 });

const NOW = Date.parse('2026-11-27T12:00:00.000Z');
const run = async (config: { ms?: number; until?: string }) => {
  const outcome = await delay.run(config, nodeContext({ input: 'in' }));
  return outcome.ok ? outcome.value : outcome.error;
};

describe('delay', () => {
  it('waits so many milliseconds and hands on its input', async () =>
    expect(await run({ ms: 5000 })).toEqual({
      output: 'in',
      wait: { for: { for: 'delay' }, untilMs: NOW + 5000 },
    }));

  it.each([
    ['2026-11-27T13:00:00Z', 3_600_000],
    ['2026-11-27T13:00:00+01:00', 0],
    ['2026-11-27 13:00', 3_600_000],
    ['2026-11-28', 12 * 3_600_000],
  ])('waits until %s', async (until, ms) =>
    expect(await run({ until })).toMatchObject({ wait: { untilMs: NOW + ms } }),
  );

  it.each(['tomorrow', '2026-13-45', '1e9', '2026-11-27T25:00:00Z'])(
    'refuses "%s", naming the field',
    async (until) => {
      expect(await run({ until })).toMatchObject({ reason: 'refused', field: 'until' });
      expect(delay.configSchema.safeParse({ until }).success).toBe(false);
    },
  );

  it('waits no longer than a run may', async () => {
    expect(await run({ until: '2027-11-27' })).toMatchObject({ reason: 'refused', field: 'until' });
    expect(delay.configSchema.safeParse({ ms: 40 * 86_400_000 }).success).toBe(false);
  });

  it.each([{}, { ms: 1, until: '2026-11-27' }])('refuses %j', (config) =>
    expect(delay.configSchema.safeParse(config).success).toBe(false),
  );
});
