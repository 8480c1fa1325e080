import { describe, expect, it } from 'vitest';
import { nodeContext, nodeContract } from '../../tests/contracts/node.ts';
import { trigger } from './trigger.ts';

nodeContract(trigger, { on: 'manual' });

describe('trigger', () => {
  it('hands on the input of the run', async () => {
    const outcome = await trigger.run({ on: 'api' }, nodeContext({ input: { lead: 7 } }));
    expect(outcome).toEqual({ ok: true, value: { output: { lead: 7 } } });
  });

  it('knows schedules and webhooks, which later fire by themselves', () => {
    expect(
      trigger.configSchema.safeParse({ on: 'schedule', cron: '0 8 * * 1', timeZone: 'Europe/Berlin' })
        .success,
    ).toBe(true);
    expect(trigger.configSchema.safeParse({ on: 'webhook' }).success).toBe(true);
    expect(trigger.configSchema.safeParse({ on: 'moon' }).success).toBe(false);
  });
});
