import { expect, it } from 'vitest';
import { uncoveredMs } from './engine-time.ts';

const of = (...pairs: [number, number | null][]) =>
  pairs.map(([startedMs, endedMs]) => ({ startedMs, endedMs }));

it.each([
  ['a run without nodes is all engine', of(), 100],
  ['before, between and after its nodes', of([10, 40], [50, 90]), 30],
  ['nodes beside each other count once', of([0, 60], [20, 80], [30, 50]), 20],
  ['in whatever order they are told', of([50, 100], [0, 50]), 0],
  ['a node that never ended covers the rest', of([20, null]), 20],
  ['what begins or ends outside counts within', of([-50, 30], [90, 500]), 60],
])('the engine took what no node covers: %s', (_, stretches, ms) =>
  expect(uncoveredMs(stretches, 0, 100)).toBe(ms),
);
