/** What a run tells the others: its index row and outputs to D1, its steps to the team's open pages. Neither can stop the run. */
import { pathOf } from '../../worker/domain/workflow/plan.ts';
import { uncoveredMs } from '../../worker/domain/workflow/engine-time.ts';
import type { RunDeps, RunRecord } from '../../worker/domain/workflow/run.ts';
import { ENDED } from '../../worker/domain/workflow/state.ts';
import type { WorkflowRunStore } from './run.store.ts';
import { logLine } from '../../worker/domain/log-line.ts';

/** What people wait for - a pause, a question - is written after this long, as is the first change where somebody watches. */
const SOON_MS = 300;
/** Other changes of a run under way wait for more to come with them, each time twice as long; a run that ends sooner is written once. */
const QUIET_MS = 2_000;
const MOST_QUIET_MS = 8_000;
const PUSH_MS = 100;
/** So long nobody is asked again whether they watch; the end of a run is told all the same. */
const UNWATCHED_MS = 1_000;
const OUTPUTS_AT_ONCE = 200;
const STEPS_AT_ONCE = 50;
/** Of a run with more nodes it is not told what the engine took. */
const COUNTED_STRETCHES = 1_000;

/** Teams nobody of which watched lately, and until when that is believed: known to the isolate, so that many runs ask once. */
const unwatched = new Map<string, number>();
const MANY_TEAMS = 10_000;

const iso = (ms: number | null) => (ms === null || ms === Infinity ? null : new Date(ms).toISOString());

export class RunReporter {
  readonly #store: WorkflowRunStore;
  readonly #deps: RunDeps;
  readonly #wakeAtMs: () => number | null;
  readonly #slotIs: (untilMs: number | null) => void;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #pushTimer: ReturnType<typeof setTimeout> | null = null;
  /** nodes that moved since the last push, newest last */
  readonly #moved = new Map<string, { frame: string; node: string }>();
  #quietMs = QUIET_MS;
  #timerAtMs = 0;
  /** did the first change have its time? */
  #isAsked = false;
  /** is a question to a person still to be written? */
  #isQuestion = false;
  #last: Promise<void> = Promise.resolve();

  constructor(
    store: WorkflowRunStore,
    deps: RunDeps,
    ask: {
      /** when the alarm comes */
      wakeAtMs: () => number | null;
      /** the run's slot is leased until then now, null = it was lost */
      slotIs: (untilMs: number | null) => void;
    },
  ) {
    this.#store = store;
    this.#deps = deps;
    this.#wakeAtMs = ask.wakeAtMs;
    this.#slotIs = ask.slotIs;
  }

  /** Something changed: told soon, together with what follows. */
  changed(): void {
    this.#reportIn(this.#store.state.run().status === 'running' && this.#isAsked ? this.#quietMs : SOON_MS);
    this.#pushSoon();
  }

  #reportIn(waitMs: number): void {
    const atMs = this.#deps.now() + waitMs;
    if (this.#timer !== null && this.#timerAtMs <= atMs) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timerAtMs = atMs;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      const isFirst = !this.#isAsked;
      this.#isAsked = true;
      const isQuestion = this.#isQuestion;
      this.#isQuestion = false;
      if (isFirst && !isQuestion && this.#store.state.run().status === 'running' && this.#isUnwatched())
        return this.#reportIn(this.#quietMs);
      if (!isFirst) this.#quietMs = Math.min(2 * this.#quietMs, MOST_QUIET_MS);
      void this.report();
    }, waitMs);
  }

  #isUnwatched(): boolean {
    const teamId = this.#store.order()?.teamId ?? '';
    return (unwatched.get(teamId) ?? 0) > this.#deps.now();
  }

  node(frame: string, node: string): void {
    const key = `${frame}/${node}`;
    this.#moved.delete(key);
    this.#moved.set(key, { frame, node });
    if (this.#moved.size > STEPS_AT_ONCE) this.#moved.delete(this.#moved.keys().next().value!);
    // a question to a person stands in the index row soon, also while other branches run on
    if (this.#store.steps.standing.takeAsked()) {
      this.#isQuestion = true;
      this.#reportIn(SOON_MS);
    }
    this.#pushSoon();
  }

  /** Keeps an output to be carried to D1; called inside the transaction that takes the node's result. */
  keep(frameKey: string, nodeId: string, stored: { value: unknown; tags: string[] }): void {
    const path = pathOf(frameKey);
    const { startedMs, ...spend } = this.#store.spend.ofFrame(frameKey);
    const nowMs = this.#deps.now();
    this.#store.outbox.put({
      id: this.#deps.newOutputId(),
      nodeId,
      itemKey: path.join('.'),
      itemIndex: path.at(-1) ?? null,
      value: JSON.stringify(stored.value ?? null),
      tags: stored.tags,
      ...spend,
      durationMs: nowMs - (startedMs ?? nowMs),
      createdAt: new Date(nowMs).toISOString(),
    });
  }

  /** Writes the index row and the outputs, one report after the other. What fails is tried again by the alarm. */
  report(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#last = this.#last
      .then(() => this.#record())
      .catch((error: unknown) => {
        console.error(logLine({ level: 'error', at: 'WorkflowRun.record', message: String(error) }));
      });
    return this.#last;
  }

  async #record(): Promise<void> {
    const order = this.#store.order();
    if (!order || this.#store.outbox.isRecorded()) return;
    for (;;) {
      const run = this.#store.state.run();
      const { rows: outputs, more } = this.#store.outbox.oldest(OUTPUTS_AT_ONCE);
      const ended = ENDED.includes(run.status);
      const record: RunRecord = {
        executionId: order.executionId,
        teamId: order.teamId,
        workflowId: order.workflowId,
        // the end is told with the last outputs, so that who sees "completed" finds them all
        status: ended && more ? 'running' : run.status,
        error: run.error,
        budgetNanoUsd: order.budgetNanoUsd,
        ...this.#store.spend.ofRun(),
        startedAt: iso(run.startedMs),
        endedAt: ended && more ? null : iso(run.endedMs),
        wakeAt: ended && !more ? null : iso(this.#wakeAtMs() ?? run.deadlineMs),
        engineMs: ended && !more ? this.#engineMs(run.startedMs, run.endedMs) : null,
        holdsSlot: typeof run.slotUntilMs === 'number',
        questions: this.#store.steps.questionCount(),
        outputs: outputs.map(({ output }) => output),
      };
      const { slotUntilMs } = await this.#deps.record(record);
      if (record.holdsSlot) this.#slotIs(slotUntilMs);
      // free for others, or asked for by this run itself
      else if (run.slotUntilMs === null) await this.#deps.grantSlots(order.workflowId);
      if (outputs.length > 0) this.#store.outbox.carried(outputs.at(-1)!.seq);
      if (more) continue;
      const now = this.#store.state.run();
      if (ended && now.status === run.status) {
        this.#store.outbox.setRecorded();
        const caller = order.callers?.[0];
        // should it not hear of it, it looks by itself
        if (caller) await this.#deps.tellCaller(caller.executionId, order.executionId).catch(() => {});
      }
      break;
    }
    this.#push({ always: ENDED.includes(this.#store.state.run().status) });
  }

  #engineMs(startedMs: number | null, endedMs: number | null): number | null {
    const stretches = this.#store.steps.stretches(COUNTED_STRETCHES);
    return stretches === null || startedMs === null || endedMs === null
      ? null
      : uncoveredMs(stretches, startedMs, endedMs);
  }

  #pushSoon(): void {
    this.#pushTimer ??= setTimeout(() => this.#push(), PUSH_MS);
  }

  #push({ always = false } = {}): void {
    if (this.#pushTimer !== null) clearTimeout(this.#pushTimer);
    this.#pushTimer = null;
    const order = this.#store.order();
    if (!order || (!always && this.#isUnwatched())) return;
    const nodes = [...this.#moved.values()].map(({ frame: key, node: nodeId }) => {
      const frame = this.#store.state.frame(key);
      const node = frame.nodes.get(nodeId);
      return {
        nodeId,
        ...(frame.path.length > 0 ? { itemIndex: frame.path.at(-1)! } : {}),
        status: node?.status ?? 'pending',
        attempts: node?.attempts ?? 0,
        startedAt: iso(node?.startedMs ?? null),
        endedAt: iso(node?.endedMs ?? null),
        ...this.#store.spend.ofNode(key, nodeId),
        ...(node?.error ? { error: node.error } : {}),
      };
    });
    this.#moved.clear();
    const run = this.#store.state.run();
    this.#deps
      .publish(order.teamId, {
        type: 'execution',
        executionId: order.executionId,
        workflowId: order.workflowId,
        status: run.status,
        ...this.#store.spend.ofRun(),
        counts: this.#store.steps.counts(),
        ...(nodes.length > 0 ? { node: nodes.at(-1), nodes } : {}),
      })
      .then((isWatched) => {
        if (unwatched.size > MANY_TEAMS) unwatched.clear();
        if (isWatched) unwatched.delete(order.teamId);
        else unwatched.set(order.teamId, this.#deps.now() + UNWATCHED_MS);
      })
      .catch(() => {});
  }
}
