import { describe, expect, it } from 'vitest';
import { nodeContext, nodeContract } from '../../tests/contracts/node.ts';
import { trigger } from './trigger.ts';

nodeContract(trigger, { on: 'manual' });

const faultsOf = (config: object) =>
  trigger.configSchema
    .safeParse(config)
    .error?.issues.map(({ path, message, code }) => [path.join('.'), code, message]);

describe('trigger', () => {
  it('hands on the input of the run', async () => {
    const outcome = await trigger.run({ on: 'api' }, nodeContext({ input: { lead: 7 } }));
    expect(outcome).toEqual({ ok: true, value: { output: { lead: 7 } } });
  });

  it('takes a schedule with its policies, and a webhook', () => {
    const schedule = { on: 'schedule', cron: '0 8 * * 1', timeZone: 'Europe/Berlin' };
    expect(faultsOf(schedule)).toBeUndefined();
    expect(faultsOf({ ...schedule, misfire: 'catch_up', maxCatchUp: 100, overlap: 'queue' })).toBeUndefined();
    expect(faultsOf({ on: 'webhook' })).toBeUndefined();
    expect(faultsOf({ on: 'webhook', secret: `whsec_${btoa('0123456789abcdef')}` })).toBeUndefined();
    expect(faultsOf({ on: 'moon' })).toBeDefined();
  });

  it('names the field of a schedule that never fires or has no zone, in a way that keeps a draft from being saved', () => {
    expect(faultsOf({ on: 'schedule', cron: '0 0 31 2 *', timeZone: 'Mars/Base' })).toEqual([
      ['cron', 'invalid_format', 'never fires: no month it names has such a day'],
      ['timeZone', 'invalid_format', 'there is no time zone "Mars/Base"; give one like "Europe/Berlin"'],
    ]);
    expect(faultsOf({ on: 'schedule', cron: '* * * * *', timeZone: 'UTC', maxCatchUp: 101 })).toHaveLength(1);
    expect(faultsOf({ on: 'webhook', secret: 'no base64!' })![0]).toContain('secret');
    expect(faultsOf({ on: 'webhook', secret: btoa('short') })![0]![2]).toContain('at least 16 bytes');
  });

  it('of a schedule takes no template: there is no run yet that could fill it in', () => {
    const config = { on: 'schedule', cron: '{{ trigger.when }}', timeZone: '{{ trigger.zone }}' };
    expect(trigger.problemsOf!(config).map(({ path }) => path)).toEqual(['cron', 'timeZone']);
    expect(trigger.problemsOf!({ ...config, cron: '0 8 * * *', timeZone: 'UTC' })).toEqual([]);
    expect(trigger.problemsOf!({ on: 'api' })).toEqual([]);
  });
});
