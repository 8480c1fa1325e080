/**
 * A run while its object is there. One event at a time: the state machine decides, all it writes is one transaction, and only then what the
 * event asks for is done. After a crash everything goes on from the rows; a node whose attempt nobody holds any more is begun again or put
 * before a person.
 */
import { planOf, type Plan } from '../../worker/domain/workflow/plan.ts';
import { Progress, type Command } from '../../worker/domain/workflow/progress.ts';
import type { RunDeps, RunOrder } from '../../worker/domain/workflow/run.ts';
import { ENDED, type ExecutionStatus } from '../../worker/domain/workflow/state.ts';
import { Attempts } from './attempts.ts';
import { started, takenOver } from './beginning.ts';
import { lookAt } from './called-run.ts';
import { gather, gatherLarge } from './map-gathering.ts';
import { MovingOutputs } from './moving-outputs.ts';
import { RunAlarm } from './run-alarm.ts';
import { RunReporter } from './run-reporter.ts';
import { WorkflowRunStore } from './run.store.ts';
import type { Place } from './tables.ts';

/** A slot's lease is noted anew when it has grown by so much. */
const RENEWED_MS = 30_000;

/** What happens to a run; null when it came too late. */
export type Event = (progress: Progress, nowMs: number) => Command[] | null;

export class LivingRun {
  readonly deps: RunDeps;
  readonly store: WorkflowRunStore;
  readonly reporter: RunReporter;
  readonly alarm: RunAlarm;
  readonly attempts: Attempts;
  readonly large: MovingOutputs;
  readonly #ctx: DurableObjectState;
  /** maps that will go on taking over items */
  readonly #more = new Set<string>();
  #progress: Progress | null = null;

  constructor(ctx: DurableObjectState, deps: RunDeps) {
    this.#ctx = ctx;
    this.deps = deps;
    this.store = new WorkflowRunStore(ctx.storage);
    this.reporter = new RunReporter(this.store, deps, {
      wakeAtMs: () => this.alarm.atMs,
      slotIs: (untilMs) => this.#slotIs(untilMs),
    });
    this.alarm = new RunAlarm(ctx.storage, {
      nowMs: () => deps.now(),
      dueMs: () => this.machine().nextDueMs(),
      isGoing: () => this.attempts.isAny || this.store.state.run().status === 'running',
      isTold: () => this.store.outbox.isRecorded(),
    });
    this.attempts = new Attempts(this);
    this.large = new MovingOutputs(this.store, deps);
  }

  machine(): Progress {
    const { deps } = this;
    return (this.#progress ??= new Progress(
      planOf(this.store.order()!.definition, deps.kinds),
      this.store.state,
      { token: () => deps.token(), dice: () => deps.dice() },
    ));
  }
  get plan(): Plan {
    return this.machine().plan;
  }
  /** What is remembered goes with the rows. */
  forget(): void {
    this.#progress = null;
    this.store.forget();
  }

  // ---- events ----
  /** Its writes in one transaction, then what it asks for. False when it came too late. `order`: of a run that begins with it. */
  change(event: Event, alsoWrite?: () => void, order?: RunOrder): boolean {
    const nowMs = this.deps.now();
    const commands = this.store.transaction(() => {
      if (order) this.store.putOrder(order);
      const answered = event(this.machine(), nowMs);
      if (answered === null) return null;
      alsoWrite?.();
      return answered.flatMap((command) =>
        command.do === 'gather' ? gather(this, command, nowMs) : [command],
      );
    });
    if (commands === null) return false;
    for (const command of commands) this.#obey(command);
    if (this.large.isAny) this.#ctx.waitUntil(this.large.move());
    if (commands.some((command) => command.do === 'end'))
      this.#ctx.waitUntil(this.reporter.report().then(() => this.#ended()));
    // a slot that is asked for or given back is told at once: others wait for it
    else if (commands.some(({ do: what }) => what === 'acquire' || what === 'release'))
      this.#ctx.waitUntil(this.reporter.report());
    else this.reporter.changed();
    this.alarm.arm();
    return true;
  }

  /** Whoever looks now reads rows: an object that has ended may stay for a minute, with megabytes that nobody asks for. */
  #ended(): void {
    this.store.outputs.forget();
    this.store.items.forget();
    this.alarm.arm();
  }

  #obey(command: Command): void {
    if (command.do === 'abort') this.attempts.abort(command.token);
    else if (command.do === 'run') this.#ctx.waitUntil(this.attempts.begin(command));
    else if (command.do === 'look') this.#ctx.waitUntil(lookAt(this, command));
    else if (command.do === 'gather') this.#ctx.waitUntil(gatherLarge(this, command));
    else if (command.do === 'more') this.#ctx.waitUntil(this.#takeMore(command));
    else if (command.do === 'cancel_child')
      // should this be lost, the sweeper does it
      this.#ctx.waitUntil(this.deps.cancelRun(command.executionId).catch(() => {}));
  }

  async begin(order: RunOrder): Promise<void> {
    const taken = await takenOver(this.deps, order);
    if (this.store.order()) return;
    this.change((progress, nowMs) => started(this, { order, taken }, { progress, nowMs }), undefined, order);
  }

  /** An event for a run that may not have begun: then it begins with it, and no node of it runs in between. */
  async beginThen(order: RunOrder, event: Event): Promise<void> {
    const taken = this.store.order() ? null : await takenOver(this.deps, order);
    if (!taken || this.store.order()) return void this.change(event);
    const both: Event = (progress, nowMs) => {
      const commands = started(this, { order, taken }, { progress, nowMs });
      const after = event(progress, nowMs) ?? [];
      return ENDED.includes(this.store.state.run().status) ? after : [...commands, ...after];
    };
    this.change(both, undefined, order);
  }

  /** What is due, and what was lost with an earlier incarnation. */
  wake(): void {
    this.change((progress, nowMs) => {
      const again = progress.recover(nowMs, (token) => this.attempts.isLive(token));
      for (const command of again)
        if (command.do === 'run' && command.attempt > 1) this.attempts.followsLoss(command.token);
      return [...again, ...progress.tick(nowMs)];
    });
  }

  /** The status, once the index row says so too. */
  async told(): Promise<ExecutionStatus> {
    await this.reporter.report();
    this.alarm.arm();
    return this.store.state.run().status;
  }

  /** What a report says of the slot. Renewing is no change that others are told of. */
  #slotIs(untilMs: number | null): void {
    const known = this.store.state.run().slotUntilMs;
    if (typeof known !== 'number') return;
    if (untilMs === null) this.change((progress, nowMs) => progress.renewed(nowMs, null));
    else if (untilMs - known > RENEWED_MS)
      this.store.transaction(() => this.machine().renewed(this.deps.now(), untilMs));
  }

  /** The next items of the earlier run, when others have had their turn. */
  async #takeMore({ frame, node }: Place): Promise<void> {
    const key = `${frame}|${node}`;
    if (this.#more.has(key)) return;
    this.#more.add(key);
    await scheduler.wait(0);
    this.#more.delete(key);
    if (this.store.order()) this.change((progress, nowMs) => progress.more(nowMs, { frame, node }));
  }
}
