import { describe, expect, it } from 'vitest';
import { openMetrics, quantile } from './openmetrics.ts';

describe('OpenMetrics text', () => {
  it('has type, unit and help before the samples of a family, and ends with EOF', () => {
    const text = openMetrics([
      {
        name: 'pm_wait_seconds',
        type: 'summary',
        unit: 'seconds',
        help: 'How long "it" waits.\nReally.',
        samples: [
          { labels: { quantile: '0.5' }, value: 0.25 },
          { suffix: '_count', value: 2 },
        ],
      },
      { name: 'pm_unknown', type: 'gauge', help: 'Nobody knows.', samples: [{ value: null }] },
      {
        name: 'pm_runs',
        type: 'gauge',
        help: 'Runs.',
        samples: [{ labels: { status: 'a"b\\c' }, value: 0 }],
      },
    ]);
    expect(text).toBe(
      [
        '# TYPE pm_wait_seconds summary',
        '# UNIT pm_wait_seconds seconds',
        '# HELP pm_wait_seconds How long \\"it\\" waits.\\nReally.',
        'pm_wait_seconds{quantile="0.5"} 0.25',
        'pm_wait_seconds_count 2',
        '# TYPE pm_runs gauge',
        '# HELP pm_runs Runs.',
        'pm_runs{status="a\\"b\\\\c"} 0',
        '# EOF',
        '',
      ].join('\n'),
    );
  });

  it('tells quantiles by nearest rank', () => {
    const hundred = Array.from({ length: 100 }, (_, n) => 100 - n);
    expect([quantile(hundred, 0.5), quantile(hundred, 0.95), quantile([7], 0.95), quantile([], 0.5)]).toEqual(
      [50, 95, 7, null],
    );
  });
});
