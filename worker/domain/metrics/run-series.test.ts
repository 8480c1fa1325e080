import { describe, expect, it } from 'vitest';
import { seriesOf, type EndedRun } from './run-series.ts';

const pieces = [0, 100, 200].map((startMs) => ({ startMs, endMs: startMs + 100 }));
const run = (endedMs: number, more: Partial<EndedRun> = {}): EndedRun => ({
  status: 'completed',
  endedMs,
  durationMs: 10,
  costNanoUsd: 1,
  ...more,
});

describe('runs per piece of time', () => {
  it('stand in the piece in which they ended, whatever order they come in', () => {
    const series = seriesOf([run(250), run(100, { status: 'failed' }), run(99), run(0)], pieces);
    expect(series.map(({ ended }) => ended)).toEqual([{ completed: 2 }, { failed: 1 }, { completed: 1 }]);
    expect(series.map(({ startMs }) => startMs)).toEqual([0, 100, 200]);
  });

  it('add up to what all of them cost; an empty piece costs nothing and took no time', () => {
    const series = seriesOf([run(10, { costNanoUsd: 5 }), run(20, { costNanoUsd: 7 })], pieces);
    expect(series.map(({ costNanoUsd }) => costNanoUsd)).toEqual([12, 0, 0]);
    expect(series[1]).toMatchObject({ ended: {}, p50Ms: null, p95Ms: null });
  });

  it('have times of those alone that began', () => {
    const cancelled = run(10, { status: 'cancelled', durationMs: null });
    const [first] = seriesOf([cancelled, run(20, { durationMs: 30 }), run(30, { durationMs: 90 })], pieces);
    expect(first).toMatchObject({ ended: { cancelled: 1, completed: 2 }, p50Ms: 30, p95Ms: 90 });
  });

  it('leave out what ended outside of all pieces', () => {
    expect(seriesOf([run(-1), run(300)], pieces).map(({ ended }) => ended)).toEqual([{}, {}, {}]);
  });
});
