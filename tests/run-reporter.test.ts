import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RunReporter } from '../durable/run/run-reporter.ts';
import { Standing } from '../durable/run/standing.ts';
import type { Tables } from '../durable/run/tables.ts';
import type { WorkflowRunStore } from '../durable/run/run.store.ts';
import type { RunDeps, RunRecord } from '../worker/domain/workflow/run.ts';
import type { ExecutionStatus, NodeState } from '../worker/domain/workflow/state.ts';

let teams = 0;

/** A reporter of a run whose status is in hand, with what it wrote and pushed, at which ms. */
function setUp({ isWatched }: { isWatched: boolean }) {
  const began = Date.now();
  const run = {
    status: 'running' as ExecutionStatus,
    error: null,
    startedMs: began,
    endedMs: null as number | null,
    deadlineMs: began + 1e6,
  };
  let isRecorded = false;
  const standing = new Standing({} as Tables);
  const written: [atMs: number, status: string][] = [];
  const pushed: [atMs: number, status: string][] = [];
  const order = { executionId: 'exec_1', teamId: `team_${teams++}`, workflowId: 'wf_1', budgetNanoUsd: null };
  const nothing = { inputTokens: 0, outputTokens: 0, costNanoUsd: 0 };
  const store = {
    order: () => order,
    state: { run: () => run, frame: () => ({ path: [], nodes: new Map() }) },
    outbox: {
      isRecorded: () => isRecorded,
      setRecorded: () => void (isRecorded = true),
      oldest: () => ({ rows: [], more: false }),
    },
    spend: { ofRun: () => nothing, ofNode: () => nothing },
    steps: {
      questionCount: () => 0,
      stretches: () => [],
      counts: () => ({}),
      standing,
    },
  };
  const deps: Partial<RunDeps> = {
    now: () => Date.now(),
    record: async ({ status }: RunRecord) => {
      written.push([Date.now() - began, status]);
      return { slotUntilMs: null };
    },
    publish: async (_teamId, message) => {
      pushed.push([Date.now() - began, String((message as { status?: string }).status)]);
      return isWatched;
    },
  };
  const reporter = new RunReporter(store as unknown as WorkflowRunStore, deps as RunDeps, {
    wakeAtMs: () => null,
    slotIs: () => {},
  });
  const goOn = async (ms: number) => {
    for (let at = 0; at < ms; at += 50) {
      reporter.changed();
      await vi.advanceTimersByTimeAsync(50);
    }
  };
  const times = (of: [number, string][]) => of.map(([atMs]) => atMs);
  return { reporter, run, standing, written, pushed, goOn, times };
}

describe('what a run tells of itself', () => {
  beforeEach(() => void vi.useFakeTimers({ now: 1_800_000_000_000 }));
  afterEach(() => void vi.useRealTimers());

  it('stands in its index row soon where somebody watches, and less and less often afterwards', async () => {
    const { written, pushed, goOn, times } = setUp({ isWatched: true });
    await goOn(15_000);
    expect(times(written)).toEqual([300, 2_300, 6_300, 14_300]);
    // ten times a second
    expect(pushed.length).toBeGreaterThan(90);
  });

  it('is not written where nobody watches when it ends sooner, and nobody is asked again for a second', async () => {
    const short = setUp({ isWatched: false });
    await short.goOn(1_900);
    expect(short.written).toEqual([]);
    expect(short.times(short.pushed)).toEqual([100, 1_100]);
    short.run.status = 'completed';
    short.run.endedMs = Date.now();
    await short.reporter.report();
    expect(short.written).toEqual([[1_900, 'completed']]);
    expect(short.pushed.at(-1)).toEqual([1_900, 'completed']);
  });

  it('is written within 300 ms when it pauses, for people wait for that', async () => {
    const { run, written, reporter, goOn } = setUp({ isWatched: false });
    await goOn(1_000);
    run.status = 'paused';
    reporter.changed();
    await vi.advanceTimersByTimeAsync(300);
    expect(written).toEqual([[1_300, 'paused']]);
  });

  it('is written within 300 ms when a step asks a person, also while other branches run on', async () => {
    const { standing, written, reporter, goOn } = setUp({ isWatched: false });
    standing.moved('', 'ask', { status: 'waiting', wait: { for: 'approval' } } as NodeState);
    reporter.node('', 'ask');
    await goOn(300);
    expect(written).toEqual([[300, 'running']]);
    standing.moved('', 'send', { status: 'needs_review' } as NodeState);
    await goOn(1_000);
    reporter.node('', 'send');
    await goOn(300);
    expect(written.at(-1)).toEqual([1_600, 'running']);
  });
});
