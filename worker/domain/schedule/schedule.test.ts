import { describe, expect, it } from 'vitest';
import { definitionSchema } from '../workflow/definition.ts';
import { dueFires, schedulesOf, type Misfire } from './schedule.ts';

const at = (time: string) => Date.parse(`2026-11-27T${time}Z`);
const every5 = (misfire: Misfire, maxCatchUp = 2) => ({
  cron: '*/5 * * * *',
  timeZone: 'UTC',
  misfire,
  maxCatchUp,
  overlap: 'skip' as const,
});
const shown = ({ run, missed, nextMs }: ReturnType<typeof dueFires>) => ({
  run: run.map((ms) => new Date(ms).toISOString().slice(11, 16)),
  missed: missed && [missed.fromMs, missed.untilMs].map((ms) => new Date(ms).toISOString().slice(11, 16)),
  next: new Date(nextMs).toISOString().slice(11, 16),
});

describe('a schedule', () => {
  it('whose time has not come does nothing', () => {
    expect(shown(dueFires(every5('once'), at('12:05:00'), at('12:04:59')))).toEqual({
      run: [],
      missed: null,
      next: '12:05',
    });
  });

  it.each(['skip', 'once', 'catch_up'] as const)(
    'on time fires once whatever becomes of misfires (%s)',
    (misfire) => {
      expect(shown(dueFires(every5(misfire), at('12:05:00'), at('12:06:59')))).toEqual({
        run: ['12:05'],
        missed: null,
        next: '12:10',
      });
    },
  );

  it('after an absence makes up none, one or the last few', () => {
    const after = (misfire: Misfire) => shown(dueFires(every5(misfire), at('11:00:00'), at('12:03:00')));
    expect(after('skip')).toEqual({ run: [], missed: ['11:00', '12:05'], next: '12:05' });
    expect(after('once')).toEqual({ run: ['12:00'], missed: ['11:00', '12:00'], next: '12:05' });
    expect(after('catch_up')).toEqual({ run: ['11:55', '12:00'], missed: ['11:00', '11:55'], next: '12:05' });
  });

  it('that skips what was missed still makes the fire that is due now', () => {
    expect(shown(dueFires(every5('skip'), at('11:00:00'), at('12:00:20')))).toEqual({
      run: ['12:00'],
      missed: ['11:00', '12:00'],
      next: '12:05',
    });
  });

  it('catches up with all of a few', () => {
    expect(shown(dueFires(every5('catch_up', 10), at('11:50:00'), at('12:03:00')))).toEqual({
      run: ['11:50', '11:55', '12:00'],
      missed: null,
      next: '12:05',
    });
  });

  it('is read off a definition, with what is not said as it is by default', () => {
    const definition = definitionSchema.parse({
      name: 'Daily',
      nodes: [
        {
          id: 'at',
          kind: 'trigger',
          config: { on: 'schedule', cron: '0 8 * * *', timeZone: 'Europe/Berlin' },
        },
        { id: 'by', kind: 'trigger', config: { on: 'api' } },
      ],
      edges: [],
    });
    expect(schedulesOf(definition, at('12:00:00'))).toEqual([
      {
        nodeId: 'at',
        cron: '0 8 * * *',
        timeZone: 'Europe/Berlin',
        misfire: 'once',
        maxCatchUp: 10,
        overlap: 'skip',
        nextFireMs: Date.parse('2026-11-28T07:00:00Z'),
      },
    ]);
  });
});
