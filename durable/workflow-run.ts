/**
 * The owner of one execution's state. The state machine decides (domain/workflow/progress.ts), the store keeps, this object acts:
 * a start is saved before its node runs, a result is taken once, and one alarm looks after whatever is due. After a crash everything
 * goes on from SQLite; a node whose attempt nobody holds any more is begun again or put before a person.
 */
import { DurableObject } from 'cloudflare:workers';
import type { NodeFailure, NodeOutcome } from '../worker/domain/contracts/node.ts';
import { err, ok, type Result } from '../worker/domain/result.ts';
import { frameKey, pathOf, planOf, TOP } from '../worker/domain/workflow/plan.ts';
import { Progress, type Command } from '../worker/domain/workflow/progress.ts';
import { DEFAULT_RUN_MS } from '../worker/domain/workflow/run-time.ts';
import { keptIn, type EarlierItemNode, type EarlierNode } from '../worker/domain/workflow/replay.ts';
import type {
  NodePlace,
  NodeView,
  NotDecided,
  OutputRef,
  RunDeps,
  RunObject,
  RunOrder,
  RunView,
  WholeOutput,
} from '../worker/domain/workflow/run.ts';
import { ENDED, type ExecutionStatus, type RunState } from '../worker/domain/workflow/state.ts';
import { bringItems, bringOutput } from './run/earlier-items.ts';
import { gatheredPieces, gatheredText } from './run/gathered.ts';
import { hashOfItems } from './run/items.ts';
import { runNode } from './run/node-attempt.ts';
import { RunReporter } from './run/run-reporter.ts';
import { archiveLines } from './run/run-archive.ts';
import { runView } from './run/run-view.ts';
import { LARGE_CHARS } from './run/outputs.store.ts';
import { WorkflowRunStore } from './run/run.store.ts';
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
type KeptNode = { nodeId: string; handle: string | null; output: WholeOutput };
/** What a run has before anything runs: results, and maps that may find items of the earlier run. */
type TakenOver = { kept: KeptNode[]; resumed: EarlierNode[] };
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
    /** nodes whose large outputs came lately: they go to R2 */
    readonly #large: Place[] = [];
    /** maps that will go on taking over items */
    readonly #more = new Set<string>();
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
      const { status } = this.#store.state.run();
      if (ENDED.includes(status) || status === 'paused_budget') await this.#reporter.report();
      return runView(this.#store, this.#machine().plan, page);
    }

    async questions(limit: number): Promise<NodeView[]> {
      return this.#store.order() ? this.#store.steps.questions(limit) : [];
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
        ({ frame, node }) => decision === 'done' && this.#store.outputs.put(frame, node, output ?? null),
      );
    }

    /** `write`: what the decision's successors must find, written in its transaction. */
    async #decide(
      { nodeId, itemPath }: NodePlace,
      event: (progress: Progress, nowMs: number, place: Place) => Command[] | null,
      write: (place: Place) => unknown = () => {},
    ): Promise<Result<ExecutionStatus, NotDecided>> {
      if (!this.#store.order()) return err('no_node');
      const frame = this.#frameOf({ nodeId, itemPath });
      if (frame === null) return err('no_node');
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
      const { nodes: planned } = this.#machine().plan;
      return [...this.#store.state.frame(TOP).nodes].map(([nodeId, { status, handle }]) => ({
        nodeId,
        status,
        handle,
        ...(planned.get(nodeId)?.isMap ? this.#store.items.known(TOP, nodeId) : {}),
      }));
    }

    async itemNodes({ mapIds, after }: { mapIds: readonly string[]; after: string | null }) {
      if (!this.#store.order()) return null;
      const { nodes: planned } = this.#machine().plan;
      let [scope, frame, node] =
        after === null ? [mapIds[0]!, '', ''] : (JSON.parse(after) as [string, string, string]);
      const nodes: EarlierItemNode[] = this.#store.items.nodes(
        scope,
        [frame, node],
        (id) => planned.get(id)?.isMap === true,
      );
      const last = nodes.at(-1);
      if (last) [frame, node] = [last.frame, last.nodeId];
      else [scope, frame, node] = [mapIds[mapIds.indexOf(scope) + 1] ?? '', '', ''];
      return { nodes, next: scope === '' ? null : JSON.stringify([scope, frame, node]) };
    }

    async output({ nodeId, itemPath }: NodePlace): Promise<WholeOutput | null> {
      if (!this.#store.order()) return null;
      const frame = this.#frameOf({ nodeId, itemPath });
      // the top has no items
      if (frame === null || (frame === TOP) !== (itemPath.length === 0)) return null;
      const whole = this.#store.outputs.whole(frame, nodeId);
      if (!whole || 'ref' in whole || whole.json.length <= LARGE_CHARS) return whole;
      // too large for a message
      return { ref: await this.#offloadOne({ frame, node: nodeId }, whole.json) };
    }

    /** null when there is no such node, or its item has not begun. */
    #frameOf({ nodeId, itemPath }: NodePlace): string | null {
      const plan = this.#machine().plan.nodes.get(nodeId);
      if (!plan) return null;
      const frame = frameKey(plan.scope, itemPath);
      return this.#store.state.hasFrame(frame) ? frame : null;
    }

    async archive(): Promise<'archived' | 'not_ended' | 'nothing'> {
      const order = this.#store.order();
      if (!order) return 'nothing';
      const { status } = this.#store.state.run();
      const isOver = ENDED.includes(status) && status !== 'needs_review';
      if (!isOver || !this.#store.outbox.isRecorded() || this.#live.size > 0) return 'not_ended';
      for (
        let places = this.#store.outputs.largePlaces(20);
        places.length > 0;
        places = this.#store.outputs.largePlaces(20)
      )
        for (const place of places)
          await this.#offloadOne(place, this.#store.outputs.largeText(place.frame, place.node)!);
      await this.#deps.archive(order.executionId, archiveLines(this.#store, this.#machine().plan));
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
      for (const { frame, node } of this.#store.state.nodesIn('waiting')) {
        const wait = this.#store.state.frame(frame).nodes.get(node)?.wait;
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
        if (!this.#store.order() || (this.#machine().nextDueMs() === null && this.#store.outbox.isRecorded()))
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
        this.#store.state,
        {
          token: () => this.#deps.token(),
          dice: () => this.#deps.dice(),
        },
      );
      return this.#progress;
    }

    async #begin(order: RunOrder): Promise<void> {
      const taken = await this.#takeOver(order);
      if (this.#store.order()) return;
      this.#change((progress, nowMs) => this.#started(order, taken, { progress, nowMs }), order);
    }

    #started(
      order: RunOrder,
      { kept, resumed }: TakenOver,
      { progress, nowMs }: { progress: Progress; nowMs: number },
    ): Command[] {
      const handles = kept.map(({ nodeId, handle }): [string, string | null] => [nodeId, handle]);
      const commands = progress.start(nowMs, { ...startOptions(order, nowMs), kept: handles });
      for (const { nodeId, output } of kept)
        if (this.#store.outputs.putWhole(TOP, nodeId, output)) this.#large.push({ frame: TOP, node: nodeId });
      for (const { nodeId, itemsHash } of resumed)
        if (itemsHash) this.#store.kept.mayResume(TOP, nodeId, itemsHash);
      return commands;
    }

    /** What is there before anything runs: of the run it replays, or given to a node that runs alone. */
    async #takeOver({ executionId, replay, alone, definition }: RunOrder): Promise<TakenOver> {
      if (alone) {
        const given = Object.entries(alone.nodes);
        const kept = given.map(([nodeId, output]) => ({
          nodeId,
          handle: null,
          output: { json: JSON.stringify(output ?? null) },
        }));
        return { kept, resumed: [] };
      }
      if (!replay) return { kept: [], resumed: [] };
      const earlier = await this.#deps.earlierRun(replay.executionId);
      const { kept, resumed } = keptIn(planOf(definition, this.#deps.kinds), TOP, {
        earlier: await earlier.nodes(),
        fromNodeId: replay.fromNodeId,
        completed: earlier.completed,
      });
      const nodes: KeptNode[] = [];
      for (const { nodeId, handle } of kept) {
        const place = { nodeId, itemPath: [] };
        const output = await bringOutput(this.#deps, { executionId, ...place }, await earlier.output(place));
        nodes.push({ nodeId, handle, output });
      }
      return { kept: nodes, resumed };
    }

    /** What a report says of the slot. Renewing is no change that others are told of. */
    #slotIs(untilMs: number | null): void {
      const known = this.#store.state.run().slotUntilMs;
      if (typeof known !== 'number') return;
      if (untilMs === null) this.#change((progress, nowMs) => progress.renewed(nowMs, null));
      else if (untilMs - known > RENEWED_MS)
        this.#store.transaction(() => this.#machine().renewed(this.#deps.now(), untilMs));
    }

    /** An event for a run that may not have begun: then it begins with it, and no node of it runs in between. */
    async #beginThen(order: RunOrder, event: Event): Promise<void> {
      const taken = this.#store.order() ? null : await this.#takeOver(order);
      if (!taken || this.#store.order()) return void this.#change(event);
      this.#change((progress, nowMs) => {
        const started = this.#started(order, taken, { progress, nowMs });
        const after = event(progress, nowMs) ?? [];
        return ENDED.includes(this.#store.state.run().status) ? after : [...started, ...after];
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
        else if (command.do === 'gather') this.ctx.waitUntil(this.#gatherLarge(command));
        else if (command.do === 'more') this.ctx.waitUntil(this.#takeMore(command));
        else if (command.do === 'cancel_child')
          // should this be lost, the sweeper does it
          this.ctx.waitUntil(this.#deps.cancelRun(command.executionId).catch(() => {}));
      }
      if (this.#large.length > 0) this.ctx.waitUntil(this.#offload());
      if (commands.some((command) => command.do === 'end'))
        this.ctx.waitUntil(this.#reporter.report().then(() => this.#arm()));
      // a slot that is asked for or given back is told at once: others wait for it
      else if (commands.some(({ do: what }) => what === 'acquire' || what === 'release'))
        this.ctx.waitUntil(this.#reporter.report());
      else this.#reporter.changed();
      this.#arm();
      return true;
    }

    /** Large outputs, once they are safe here, move to R2; one that does not get there stays and is there all the same. */
    async #offload(): Promise<void> {
      for (const place of this.#large.splice(0)) {
        const text = this.#store.order() && this.#store.outputs.largeText(place.frame, place.node);
        if (!text) continue;
        await this.#offloadOne(place, text).catch((error: unknown) => {
          const { node } = place;
          console.error(logLine({ level: 'error', at: 'WorkflowRun.offload', node, message: String(error) }));
        });
      }
    }

    async #offloadOne({ frame, node }: Place, text: string): Promise<OutputRef> {
      const { executionId } = this.#store.order()!;
      const ref = await this.#deps.putOutput({ executionId, nodeId: node, itemPath: pathOf(frame) }, text);
      const isSame = this.#store.order() !== null && this.#store.outputs.largeText(frame, node) === text;
      if (isSame) this.#store.transaction(() => this.#store.outputs.putRef(frame, node, ref));
      return ref;
    }

    #keepOutput(frame: string, node: string, output: unknown): void {
      if (this.#store.outputs.put(frame, node, output)) this.#large.push({ frame, node });
    }

    /** The results of a map's items, in their order, as the map's own output: at once, or - when they are large - by a command. */
    #gather(command: Extract<Command, { do: 'gather' }>, nowMs: number): Command[] {
      const { frame, node, token } = command;
      const json = gatheredText(this.#store, { frame, node });
      if (json === null) return [command];
      this.#store.outputs.putWhole(frame, node, { json });
      const commands = this.#machine().finished(nowMs, { frame, node, token }, null) ?? [];
      this.#reporter.node(frame, node);
      return commands.flatMap((next) => (next.do === 'gather' ? this.#gather(next, nowMs) : [next]));
    }

    /** Results that are large are written to R2 piece by piece, and never stand in memory. What does not get there is tried again by the alarm. */
    async #gatherLarge({ frame, node, token }: Extract<Command, { do: 'gather' }>): Promise<void> {
      const order = this.#store.order();
      if (!order || this.#live.has(token)) return;
      const controller = new AbortController();
      this.#live.set(token, controller);
      try {
        const ref = await this.#deps.putOutput(
          { executionId: order.executionId, nodeId: node, itemPath: pathOf(frame) },
          gatheredPieces(this.#store, { frame, node }, this.#deps.readOutputText, controller.signal),
        );
        this.#live.delete(token);
        this.#change(
          (progress, nowMs) => progress.finished(nowMs, { frame, node, token }, null),
          undefined,
          () => this.#store.outputs.putRef(frame, node, ref),
        );
        this.#reporter.node(frame, node);
      } catch (error) {
        if (!controller.signal.aborted)
          console.error(logLine({ level: 'error', at: 'WorkflowRun.gather', node, message: String(error) }));
      } finally {
        this.#live.delete(token);
        if (this.#store.order()) this.#arm();
      }
    }

    /** The next items of the earlier run, when others have had their turn. */
    async #takeMore({ frame, node }: Place): Promise<void> {
      const key = `${frame}|${node}`;
      if (this.#more.has(key)) return;
      this.#more.add(key);
      await scheduler.wait(0);
      this.#more.delete(key);
      if (this.#store.order()) this.#change((progress, nowMs) => progress.more(nowMs, { frame, node }));
    }

    /** Is what an earlier run gave in this map's items taken over? Only where they are the same items; then it is brought here first. */
    async #resumes({ frame, node }: Place, items: readonly unknown[], signal: AbortSignal): Promise<boolean> {
      const hash = this.#store.kept.itemsHash(frame, node);
      if (hash === null || hash !== hashOfItems(items)) return false;
      const { plan } = this.#machine();
      // those inside an item came with the outermost map
      if (frame === TOP)
        await bringItems({ store: this.#store, plan, deps: this.#deps, mapId: node, signal });
      return true;
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
          this.#store.spend.add(frame, node, spend);
        },
      );
      this.#reporter.node(frame, node);
    }

    /** What a wired error hands on. */
    #keepError(frame: string, node: string): void {
      const state = this.#store.state.frame(frame).nodes.get(node);
      if (state?.status === 'failed' && this.#machine().plan.nodes.get(node)!.onError === 'error')
        this.#store.outputs.put(frame, node, { error: state.error });
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
      let resumes = false;
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
        if (outcome.ok && Array.isArray(outcome.value.output) && this.#machine().plan.nodes.get(node)!.isMap)
          resumes = await this.#resumes(command, outcome.value.output, signal);
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
        this.#take(command, outcome, resumes);
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
    #take(command: RunCommand, outcome: Result<NodeOutcome, NodeFailure>, resumes = false): void {
      const { frame, node } = command;
      const plan = this.#machine().plan.nodes.get(node)!;
      const spend = outcome.ok
        ? outcome.value.spend
        : 'spend' in outcome.error
          ? outcome.error.spend
          : undefined;
      const pay = () => spend && this.#store.spend.add(frame, node, spend);
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
          this.#store.items.put(frame, node, items);
          return progress.expanded(nowMs, command, {
            total: items.length,
            concurrency,
            onItemError,
            resumes,
          });
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
      const state: RunState = this.#store.state.run();
      const heartbeat = this.#live.size > 0 || state.status === 'running' ? nowMs + HEARTBEAT_MS : Infinity;
      const atMs =
        due === null
          ? this.#store.outbox.isRecorded()
            ? null
            : nowMs + HEARTBEAT_MS
          : Math.min(due, heartbeat);
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
      return this.#store.state.run().status;
    }
  };
}
