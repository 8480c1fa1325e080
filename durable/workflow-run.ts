/**
 * The owner of one execution's state. The state machine decides (domain/workflow/progress.ts), the store keeps, this object acts:
 * a start is saved before its node runs, a result is taken once, and one alarm looks after whatever is due. After a crash everything
 * goes on from SQLite; a node whose attempt nobody holds any more is begun again or put before a person.
 */
import { DurableObject } from 'cloudflare:workers';
import type { NodeFailure, NodeOutcome } from '../worker/domain/contracts/node.ts';
import { err, ok, type Result } from '../worker/domain/result.ts';
import { frameKey, planOf, TOP } from '../worker/domain/workflow/plan.ts';
import { Progress, type Command } from '../worker/domain/workflow/progress.ts';
import { DEFAULT_RUN_MS } from '../worker/domain/workflow/run-time.ts';
import { keptOf, type EarlierNode } from '../worker/domain/workflow/replay.ts';
import type {
  NodePlace,
  NodeView,
  NotDecided,
  RunDeps,
  RunObject,
  RunOrder,
  RunView,
} from '../worker/domain/workflow/run.ts';
import { ENDED, type ExecutionStatus, type RunState } from '../worker/domain/workflow/state.ts';
import { runNode } from './node-attempt.ts';
import { RunReporter } from './run-reporter.ts';
import { archiveLines } from './run-archive.ts';
import { runView } from './run-view.ts';
import { WorkflowRunStore } from './workflow-run.store.ts';
import { logLine } from '../worker/domain/log-line.ts';

/** While anything runs, the alarm comes at least this often: what is lost with a server is found by it. */
const HEARTBEAT_MS = 10_000;
/**
 * An alarm that is not due before this is set only when the run has gone on for so long: most end sooner, and an alarm costs a new object as
 * much as all its other writes. Should the server be lost before, the sweeper finds the run by its index row.
 */
const ALARM_LATER_MS = 1_000;
/** A slot's lease is noted anew when it has grown by so much. */
const RENEWED_MS = 30_000;
/** After this many nodes in one go, the others on this isolate get their turn. */
const TURN = 200;

type Place = { frame: string; node: string };
type KeptNode = { nodeId: string; handle: string | null; output: unknown };
type RunCommand = Extract<Command, { do: 'run' }>;
/** What one event writes, in one transaction: null when it came too late. */
type Event = (progress: Progress, nowMs: number) => Command[] | null;

function startOptions({ definition, slotUntilMs }: RunOrder, nowMs: number) {
  const { timeoutMs = DEFAULT_RUN_MS } = definition.settings;
  const slot = typeof slotUntilMs === 'number' && slotUntilMs <= nowMs ? null : slotUntilMs;
  return { timeoutMs, ...(slot === undefined ? {} : { slotUntilMs: slot }) };
}

/** The class, once it is told what the world outside is made of (worker/api.ts does). */
export function workflowRun(depsOf: (env: Env) => RunDeps) {
  return class WorkflowRun extends DurableObject<Env> implements RunObject {
    readonly #store: WorkflowRunStore;
    readonly #deps: RunDeps;
    readonly #reporter: RunReporter;
    /** attempts that run in this incarnation, by lease token */
    readonly #live = new Map<string, AbortController>();
    /** tokens of attempts that follow one that was lost with the server */
    readonly #afterLoss = new Set<string>();
    /** nodes of the top whose outputs came lately: the large ones among them go to R2 */
    readonly #largeTop: string[] = [];
    #progress: Progress | null = null;
    #alarmAtMs: number | null = null;
    #alarmLater: ReturnType<typeof setTimeout> | null = null;
    #begun = 0;

    constructor(ctx: DurableObjectState, env: Env) {
      super(ctx, env);
      this.#deps = depsOf(env);
      this.#store = new WorkflowRunStore(ctx.storage);
      this.#reporter = new RunReporter(this.#store, this.#deps, {
        wakeAtMs: () => this.#alarmAtMs,
        slotIs: (untilMs) => this.#slotIs(untilMs),
      });
    }

    async start(order: RunOrder): Promise<void> {
      const { slotUntilMs } = order;
      const isLimited = slotUntilMs !== undefined;
      const isGranted = typeof slotUntilMs === 'number' && slotUntilMs > this.#deps.now();
      if (this.#store.order()) {
        if (isGranted) this.#change((progress, nowMs) => progress.granted(nowMs, slotUntilMs));
        await this.poke();
      } else if (!isLimited || isGranted) await this.#begin(order);
      // else its row stands in line until there is a slot
    }

    async view(page: { nodeId?: string; limit: number; cursor?: string }): Promise<RunView | null> {
      if (!this.#store.order()) return null;
      // who sees the end here finds index row and outputs written; who sees that money is missing and tops up finds the run waiting
      const { status } = this.#store.run();
      if (ENDED.includes(status) || status === 'paused_budget') await this.#reporter.report();
      return runView(this.#store, this.#machine().plan, page);
    }

    async questions(limit: number): Promise<NodeView[]> {
      return this.#store.order() ? this.#store.questions(limit) : [];
    }

    async cancel(order: RunOrder) {
      await this.#beginThen(order, (progress, nowMs) => progress.cancel(nowMs));
      return this.#told();
    }

    async pause(order: RunOrder) {
      await this.#beginThen(order, (progress, nowMs) => progress.pause(nowMs));
      return this.#told();
    }

    async resume(order: RunOrder, { budgetNanoUsd }: { budgetNanoUsd?: number | null }) {
      await this.#beginThen(order, (progress, nowMs) => {
        const own = budgetNanoUsd === undefined ? {} : { budgetNanoUsd };
        // what its callers may spend may have been raised, too
        this.#store.putOrder({ ...this.#store.order()!, callers: order.callers, ...own });
        return progress.resume(nowMs);
      });
      return this.#told();
    }

    async approve({ decision, ...at }: NodePlace & { decision: 'approved' | 'rejected' }) {
      return this.#decide(at, (progress, nowMs, place) =>
        progress.settled(nowMs, { ...place, for: 'approval' }, { handle: decision }),
      );
    }

    async review({ decision, output, ...at }: NodePlace & { decision: 'done' | 'retry'; output?: unknown }) {
      return this.#decide(
        at,
        (progress, nowMs, place) => progress.decided(nowMs, place, decision),
        ({ frame, node }) => decision === 'done' && this.#store.putOutput(frame, node, output ?? null),
      );
    }

    /** `write`: what the decision's successors must find, written in its transaction. */
    async #decide(
      { nodeId, itemPath }: NodePlace,
      event: (progress: Progress, nowMs: number, place: Place) => Command[] | null,
      write: (place: Place) => unknown = () => {},
    ): Promise<Result<ExecutionStatus, NotDecided>> {
      if (!this.#store.order()) return err('no_node');
      const plan = this.#machine().plan.nodes.get(nodeId);
      const frame = plan && frameKey(plan.scope, itemPath);
      if (!plan || frame === undefined || !this.#store.hasFrame(frame)) return err('no_node');
      const place = { frame, node: nodeId };
      const taken = this.#change((progress, nowMs) => {
        const commands = event(progress, nowMs, place);
        if (commands !== null) write(place);
        return commands;
      });
      if (!taken) return err('nothing_to_decide');
      this.#reporter.node(frame, nodeId);
      return ok(await this.#told());
    }

    async topNodes(): Promise<EarlierNode[]> {
      if (!this.#store.order()) return [];
      return [...this.#store.frame(TOP).nodes].map(([nodeId, { status, handle }]) => ({
        nodeId,
        status,
        handle,
      }));
    }

    async topOutput(nodeId: string): Promise<string> {
      return JSON.stringify(await this.#store.output(TOP, nodeId, this.#deps.readOutput));
    }

    async archive(): Promise<'archived' | 'not_ended' | 'nothing'> {
      const order = this.#store.order();
      if (!order) return 'nothing';
      const { status } = this.#store.run();
      const isOver = ENDED.includes(status) && status !== 'needs_review';
      if (!isOver || !this.#store.isRecorded() || this.#live.size > 0) return 'not_ended';
      await this.#deps.archive(
        order.executionId,
        archiveLines(this.#store, this.#machine().plan, this.#deps.readOutput),
      );
      return 'archived';
    }

    async empty(): Promise<void> {
      if (this.#alarmLater !== null) clearTimeout(this.#alarmLater);
      this.#alarmLater = null;
      await this.ctx.storage.deleteAlarm();
      await this.ctx.storage.deleteAll();
      // what is remembered goes with the rows; nobody asks an archived run again
      this.#progress = null;
      this.#store.forget();
    }

    async called(executionId: string): Promise<void> {
      if (!this.#store.order()) return;
      for (const { frame, node } of this.#store.nodesIn('waiting')) {
        const wait = this.#store.frame(frame).nodes.get(node)?.wait;
        if (wait?.for === 'workflow' && wait.executionId === executionId)
          await this.#look({ frame, node, executionId });
      }
    }

    async poke(): Promise<boolean> {
      if (!this.#store.order()) return false;
      this.#wake();
      await this.#reporter.report();
      return true;
    }

    async alarm(): Promise<void> {
      try {
        this.#alarmAtMs = null;
        if (!this.#store.order() || (this.#machine().nextDueMs() === null && this.#store.isRecorded()))
          return;
        await this.ctx.storage.setAlarm(this.#deps.now() + HEARTBEAT_MS);
        this.#alarmAtMs = this.#deps.now() + HEARTBEAT_MS;
        this.#wake();
        await this.#reporter.report();
        this.#arm();
      } catch (error) {
        console.error(
          logLine({
            level: 'error',
            at: 'WorkflowRun.alarm',
            message: String(error),
            stack: (error as Error).stack,
          }),
        );
      }
    }

    // ---- events ----
    #machine(): Progress {
      this.#progress ??= new Progress(
        planOf(this.#store.order()!.definition, this.#deps.kinds),
        this.#store,
        {
          token: () => this.#deps.token(),
          dice: () => this.#deps.dice(),
        },
      );
      return this.#progress;
    }

    async #begin(order: RunOrder): Promise<void> {
      const kept = await this.#takeOver(order);
      if (this.#store.order()) return;
      this.#change((progress, nowMs) => this.#started(order, kept, { progress, nowMs }), order);
    }

    #started(
      order: RunOrder,
      kept: readonly KeptNode[],
      { progress, nowMs }: { progress: Progress; nowMs: number },
    ): Command[] {
      const handles = kept.map(({ nodeId, handle }): [string, string | null] => [nodeId, handle]);
      const commands = progress.start(nowMs, { ...startOptions(order, nowMs), kept: handles });
      for (const { nodeId, output } of kept) this.#keepOutput(TOP, nodeId, output);
      return commands;
    }

    /** Results that are there before anything runs: of the run it replays, or given to a node that runs alone. */
    async #takeOver({ replay, alone, definition }: RunOrder): Promise<KeptNode[]> {
      if (alone)
        return Object.entries(alone.nodes).map(([nodeId, output]) => ({ nodeId, handle: null, output }));
      if (!replay) return [];
      const earlier = await this.#deps.earlierRun(replay.executionId);
      const kept = keptOf(planOf(definition, this.#deps.kinds), await earlier.nodes(), replay.fromNodeId);
      const nodes: KeptNode[] = [];
      for (const { nodeId, handle } of kept)
        nodes.push({ nodeId, handle, output: await earlier.output(nodeId) });
      return nodes;
    }

    /** What a report says of the slot. Renewing is no change that others are told of. */
    #slotIs(untilMs: number | null): void {
      const known = this.#store.run().slotUntilMs;
      if (typeof known !== 'number') return;
      if (untilMs === null) this.#change((progress, nowMs) => progress.renewed(nowMs, null));
      else if (untilMs - known > RENEWED_MS)
        this.#store.transaction(() => this.#machine().renewed(this.#deps.now(), untilMs));
    }

    /** An event for a run that may not have begun: then it begins with it, and no node of it runs in between. */
    async #beginThen(order: RunOrder, event: Event): Promise<void> {
      const kept = this.#store.order() ? [] : await this.#takeOver(order);
      if (this.#store.order()) return void this.#change(event);
      this.#change((progress, nowMs) => {
        const started = this.#started(order, kept, { progress, nowMs });
        const after = event(progress, nowMs) ?? [];
        return ENDED.includes(this.#store.run().status) ? after : [...started, ...after];
      }, order);
    }

    #wake(): void {
      this.#change((progress, nowMs) => {
        const again = progress.recover(nowMs, (token) => this.#live.has(token));
        for (const command of again)
          if (command.do === 'run' && command.attempt > 1) this.#afterLoss.add(command.token);
        return [...again, ...progress.tick(nowMs)];
      });
    }

    /** One event: its writes in one transaction, then what it asks for. False when it came too late. */
    #change(event: Event, order?: RunOrder, alsoWrite?: () => void): boolean {
      const nowMs = this.#deps.now();
      const commands = this.#store.transaction(() => {
        if (order) this.#store.putOrder(order);
        const progress = this.#machine();
        const answered = event(progress, nowMs);
        if (answered === null) return null;
        alsoWrite?.();
        return answered.flatMap((command) =>
          command.do === 'gather' ? this.#gather(command, nowMs) : [command],
        );
      });
      if (commands === null) return false;
      for (const command of commands) {
        if (command.do === 'abort') this.#live.get(command.token)?.abort();
        else if (command.do === 'run') this.#run(command);
        else if (command.do === 'look') this.ctx.waitUntil(this.#look(command));
        else if (command.do === 'cancel_child')
          // should this be lost, the sweeper does it
          this.ctx.waitUntil(this.#deps.cancelRun(command.executionId).catch(() => {}));
      }
      if (this.#largeTop.length > 0) this.ctx.waitUntil(this.#offload());
      if (commands.some((command) => command.do === 'end'))
        this.ctx.waitUntil(this.#reporter.report().then(() => this.#arm()));
      // a slot that is asked for or given back is told at once: others wait for it
      else if (commands.some(({ do: what }) => what === 'acquire' || what === 'release'))
        this.ctx.waitUntil(this.#reporter.report());
      else this.#reporter.changed();
      this.#arm();
      return true;
    }

    /** Large outputs of the top, once they are safe here, move to R2; one that does not get there stays and is there all the same. */
    async #offload(): Promise<void> {
      const order = this.#store.order();
      for (const node of this.#largeTop.splice(0)) {
        const text = order && this.#store.largeText(node);
        if (!order || !text) continue;
        try {
          const key = await this.#deps.putOutput(order.executionId, node, text);
          const isSame = this.#store.order() !== null && this.#store.largeText(node) === text;
          if (isSame)
            this.#store.transaction(() => this.#store.putRef(node, { key, preview: text.slice(0, 1000) }));
        } catch (error) {
          console.error(logLine({ level: 'error', at: 'WorkflowRun.offload', node, message: String(error) }));
        }
      }
    }

    #keepOutput(frame: string, node: string, output: unknown): void {
      if (this.#store.putOutput(frame, node, output) && frame === TOP) this.#largeTop.push(node);
    }

    /** The results of a map's items, in their order, as the map's own output. */
    #gather({ frame, node, token }: Extract<Command, { do: 'gather' }>, nowMs: number): Command[] {
      const remove = this.#store.map(frame, node)!.onItemError === 'remove';
      const results: unknown[] = [];
      const failed: { index: number; error: unknown }[] = [];
      for (const item of this.#store.results(frame, node)) {
        if (item.status === 'failed') failed.push({ index: item.index, error: item.error });
        if (item.status !== 'failed' || !remove) results.push(item.output);
      }
      this.#keepOutput(frame, node, { results, failed });
      const commands = this.#machine().finished(nowMs, { frame, node, token }, null) ?? [];
      this.#reporter.node(frame, node);
      return commands.flatMap((command) =>
        command.do === 'gather' ? this.#gather(command, nowMs) : [command],
      );
    }

    /** Has an execution that a node waits for ended? Then its outputs, or its failure, are the node's own. */
    async #look({ frame, node, executionId }: Place & { executionId: string }): Promise<void> {
      const run = await this.#deps.calledRun(executionId).catch(() => null);
      if (!run) return;
      const at = { frame, node, for: 'workflow' as const };
      const { failure, outputs, spend } = run;
      const outcome = failure ? { failure: { reason: 'refused' as const, ...failure } } : { handle: null };
      this.#change(
        (progress, nowMs) => progress.settled(nowMs, at, outcome),
        undefined,
        () => {
          if (!failure) this.#keepOutput(frame, node, outputs);
          else this.#keepError(frame, node);
          this.#store.addSpend(frame, node, spend);
        },
      );
      this.#reporter.node(frame, node);
    }

    /** What a wired error hands on. */
    #keepError(frame: string, node: string): void {
      const state = this.#store.frame(frame).nodes.get(node);
      if (state?.status === 'failed' && this.#machine().plan.nodes.get(node)!.onError === 'error')
        this.#store.putOutput(frame, node, { error: state.error });
    }

    // ---- nodes ----
    #run(command: RunCommand): void {
      const controller = new AbortController();
      this.#live.set(command.token, controller);
      this.#reporter.node(command.frame, command.node);
      this.ctx.waitUntil(this.#attempt(command, controller.signal));
    }

    async #attempt(command: RunCommand, signal: AbortSignal): Promise<void> {
      const { node, token } = command;
      let outcome: Result<NodeOutcome, NodeFailure>;
      try {
        if (++this.#begun % TURN === 0) await scheduler.wait(0);
        outcome = await runNode({
          command,
          signal,
          store: this.#store,
          plan: this.#machine().plan,
          deps: this.#deps,
          abandonEarlier: this.#afterLoss.delete(token),
        });
      } catch (error) {
        console.error(
          logLine({
            level: 'error',
            at: 'WorkflowRun.node',
            node,
            message: String(error),
            stack: (error as Error).stack,
          }),
        );
        outcome = err({
          reason: 'unknown',
          message: 'Something went wrong on our side while this node ran.',
        });
      }
      this.#live.delete(token);
      try {
        this.#take(command, outcome);
      } catch (error) {
        console.error(
          logLine({
            level: 'error',
            at: 'WorkflowRun.take',
            node,
            message: String(error),
            stack: (error as Error).stack,
          }),
        );
        this.#take(command, err({ reason: 'refused', message: 'The result could not be kept.' }));
      }
    }

    /** A result is written with the event it is; one that is late leaves only what it cost. */
    #take(command: RunCommand, outcome: Result<NodeOutcome, NodeFailure>): void {
      const { frame, node } = command;
      const plan = this.#machine().plan.nodes.get(node)!;
      const spend = outcome.ok
        ? outcome.value.spend
        : 'spend' in outcome.error
          ? outcome.error.spend
          : undefined;
      const pay = () => spend && this.#store.addSpend(frame, node, spend);
      let taken: boolean;
      if (!outcome.ok) {
        const failure = outcome.error;
        taken = this.#change(
          (progress, nowMs) => progress.failed(nowMs, command, failure),
          undefined,
          () => {
            pay();
            this.#keepError(frame, node);
          },
        );
      } else if (plan.isMap) {
        const items = outcome.value.output as unknown[];
        const { concurrency, onItemError } = plan.node.config as {
          concurrency?: number;
          onItemError?: 'stop';
        };
        taken = this.#change((progress, nowMs) => {
          this.#store.putItems(frame, node, items);
          return progress.expanded(nowMs, command, { total: items.length, concurrency, onItemError });
        });
      } else {
        const { output, handle, stored, wait } = outcome.value;
        taken = this.#change(
          (progress, nowMs) =>
            wait && (wait.untilMs === null || wait.untilMs > nowMs)
              ? progress.waits(nowMs, command, wait.for, wait.untilMs)
              : progress.finished(nowMs, command, handle ?? null),
          undefined,
          () => {
            this.#keepOutput(frame, node, output);
            pay();
            if (stored) this.#reporter.keep(frame, node, stored);
          },
        );
      }
      if (!taken && spend) {
        this.#store.transaction(pay);
        this.#reporter.changed();
      }
      this.#reporter.node(frame, node);
    }

    // ---- time ----
    /** One alarm at the earliest of what is due and, while something runs, the heartbeat. */
    #arm({ hasWaited = false } = {}): void {
      const nowMs = this.#deps.now();
      const due = this.#machine().nextDueMs();
      const state: RunState = this.#store.run();
      const heartbeat = this.#live.size > 0 || state.status === 'running' ? nowMs + HEARTBEAT_MS : Infinity;
      const atMs =
        due === null ? (this.#store.isRecorded() ? null : nowMs + HEARTBEAT_MS) : Math.min(due, heartbeat);
      const mayWait = this.#alarmAtMs === null && atMs !== null && atMs - nowMs > ALARM_LATER_MS;
      if (mayWait && !hasWaited) {
        this.#alarmLater ??= setTimeout(() => this.#arm({ hasWaited: true }), ALARM_LATER_MS);
        return;
      }
      if (this.#alarmLater !== null) clearTimeout(this.#alarmLater);
      this.#alarmLater = null;
      if (atMs === null) {
        if (this.#alarmAtMs !== null) void this.ctx.storage.deleteAlarm();
        this.#alarmAtMs = null;
      } else if (this.#alarmAtMs === null || atMs < this.#alarmAtMs || this.#alarmAtMs < nowMs) {
        this.#alarmAtMs = Math.max(atMs, nowMs);
        void this.ctx.storage.setAlarm(this.#alarmAtMs);
      }
    }

    /** The status, once the index row says so too. */
    async #told() {
      await this.#reporter.report();
      this.#arm();
      return this.#store.run().status;
    }
  };
}
