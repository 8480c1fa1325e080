import { describe, expect, it } from 'vitest';
import { noticesOfRun, type RunAlertSettings, type RunFacts } from './run-alerts.ts';

const CENT = 10_000_000;
const nowMs = Date.parse('2026-11-27T12:00:00Z');
const all: RunAlertSettings = { onFailure: true, slowMs: 60_000, costPercent: 300 };
const run = (more: Partial<RunFacts> = {}): RunFacts => ({
  executionId: 'exec_1',
  workflowId: 'wf_1',
  workflowName: 'Leads',
  status: 'completed',
  error: null,
  startedMs: nowMs - 60_000,
  endedMs: nowMs,
  costNanoUsd: 3 * CENT,
  costsBefore: Array(10).fill(CENT),
  ...more,
});
const told = (more: Partial<RunFacts>, settings = all) =>
  noticesOfRun(run(more), settings, nowMs).map(({ id, kind }) => [kind, id]);

describe('of a run is told', () => {
  it('nothing when it went as usual, or nobody asked', () => {
    expect(told({})).toEqual([]);
    const none = { onFailure: false, slowMs: null, costPercent: null };
    expect(told({ status: 'failed', startedMs: 0, costNanoUsd: 99 * CENT }, none)).toEqual([]);
  });

  it('that it failed or needs a person, by the step and its reason; each end once', () => {
    const error = { nodeId: 'ask', reason: 'refused', message: 'There is no such model.' };
    const [notice] = noticesOfRun(run({ status: 'failed', error }), all, nowMs);
    expect(notice).toMatchObject({
      id: `ntc_1_failed_${nowMs}`,
      kind: 'workflow.failed',
      level: 'warning',
      title: 'A run of "Leads" failed',
      text: 'At the step "ask": There is no such model.',
      link: '/dashboard/executions/exec_1',
      data: { workflowId: 'wf_1', executionId: 'exec_1', nodeId: 'ask', reason: 'refused' },
    });
    expect(told({ status: 'needs_review' })[0]![0]).toBe('workflow.failed');
    expect(told({ status: 'cancelled' })).toEqual([]);
    expect(told({ status: 'failed', endedMs: nowMs + 1 }).map(([, id]) => id)).toContain(
      `ntc_1_failed_${nowMs + 1}`,
    );
  });

  it('that it is slow, while it goes or when it ended: the same notice', () => {
    const going = { status: 'running' as const, endedMs: null, startedMs: nowMs - 60_001 };
    expect(told(going)).toEqual([['workflow.slow', 'ntc_1_slow']]);
    expect(told({ startedMs: nowMs - 3_905_000 })).toEqual([['workflow.slow', 'ntc_1_slow']]);
    const [notice] = noticesOfRun(run({ startedMs: nowMs - 3_905_000 }), all, nowMs);
    expect(notice!.text).toBe('It took 1 h 5 min; up to 1 min is expected.');
    expect(told({ status: 'queued', startedMs: null, endedMs: null })).toEqual([]);
  });

  it('that it cost more than usual, once enough runs say what is usual', () => {
    expect(told({ costNanoUsd: 3 * CENT + 1 })).toEqual([['workflow.costly', 'ntc_1_cost']]);
    expect(told({ costNanoUsd: 3 * CENT + 1, costsBefore: Array(9).fill(CENT) })).toEqual([]);
    // three times next to nothing is still next to nothing
    expect(told({ costNanoUsd: CENT, costsBefore: Array(10).fill(1000) })).toEqual([]);
    // one odd run before does not make the next one usual
    expect(told({ costNanoUsd: 4 * CENT, costsBefore: [...Array(10).fill(CENT), 99 * CENT] })).toHaveLength(
      1,
    );
  });
});
