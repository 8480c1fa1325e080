/**
 * The owner of one execution's state, as others ask for it: every question and every event comes in here. The state machine decides
 * (domain/workflow/progress.ts), the stores keep, and run/living-run.ts acts.
 */
import { DurableObject } from 'cloudflare:workers';
import { logLine } from '../worker/domain/log-line.ts';
import { err, ok, type Result } from '../worker/domain/result.ts';
import { frameKey, TOP } from '../worker/domain/workflow/plan.ts';
import type { Command, Progress } from '../worker/domain/workflow/progress.ts';
import type { EarlierItemNode, EarlierNode } from '../worker/domain/workflow/replay.ts';
import type {
  NodePlace,
  NodeView,
  NotDecided,
  RunDeps,
  RunObject,
  RunOrder,
  RunView,
  WholeOutput,
} from '../worker/domain/workflow/run.ts';
import { ENDED, type ExecutionStatus } from '../worker/domain/workflow/state.ts';
import { lookAt } from './run/called-run.ts';
import { LivingRun } from './run/living-run.ts';
import { LARGE_CHARS } from './run/outputs.store.ts';
import { archiveLines } from './run/run-archive.ts';
import type { WorkflowRunStore } from './run/run.store.ts';
import { runView } from './run/run-view.ts';
import type { Place } from './run/tables.ts';

/** The class, once it is told what the world outside is made of (worker/api.ts does). */
export function workflowRun(depsOf: (env: Env) => RunDeps) {
  return class WorkflowRun extends DurableObject<Env> implements RunObject {
    readonly #run: LivingRun;
    readonly #store: WorkflowRunStore;
    readonly #deps: RunDeps;

    constructor(ctx: DurableObjectState, env: Env) {
      super(ctx, env);
      this.#deps = depsOf(env);
      this.#run = new LivingRun(ctx, this.#deps);
      this.#store = this.#run.store;
    }

    // ---- its life ----
    async start(order: RunOrder): Promise<void> {
      const { slotUntilMs } = order;
      const isLimited = slotUntilMs !== undefined;
      const isGranted = typeof slotUntilMs === 'number' && slotUntilMs > this.#deps.now();
      if (this.#store.order()) {
        if (isGranted) this.#run.change((progress, nowMs) => progress.granted(nowMs, slotUntilMs));
        await this.poke();
      } else if (!isLimited || isGranted) await this.#run.begin(order);
      // else its row stands in line until there is a slot
    }

    async cancel(order: RunOrder) {
      await this.#run.beginThen(order, (progress, nowMs) => progress.cancel(nowMs));
      return this.#run.told();
    }

    async pause(order: RunOrder) {
      await this.#run.beginThen(order, (progress, nowMs) => progress.pause(nowMs));
      return this.#run.told();
    }

    async resume(order: RunOrder, { budgetNanoUsd }: { budgetNanoUsd?: number | null }) {
      await this.#run.beginThen(order, (progress, nowMs) => {
        const own = budgetNanoUsd === undefined ? {} : { budgetNanoUsd };
        // what its callers may spend may have been raised, too
        this.#store.putOrder({ ...this.#store.order()!, callers: order.callers, ...own });
        return progress.resume(nowMs);
      });
      return this.#run.told();
    }

    async called(executionId: string): Promise<void> {
      if (!this.#store.order()) return;
      for (const { frame, node } of this.#store.state.nodesIn('waiting')) {
        const wait = this.#store.state.frame(frame).nodes.get(node)?.wait;
        if (wait?.for === 'workflow' && wait.executionId === executionId)
          await lookAt(this.#run, { frame, node, executionId });
      }
    }

    async poke(): Promise<boolean> {
      if (!this.#store.order()) return false;
      this.#run.wake();
      await this.#run.reporter.report();
      return true;
    }

    /** It arms itself again first and never throws. */
    async alarm(): Promise<void> {
      const { alarm, reporter } = this.#run;
      try {
        alarm.rang();
        if (!this.#store.order()) return;
        if (this.#run.machine().nextDueMs() === null && this.#store.outbox.isRecorded()) return;
        await alarm.beat();
        this.#run.wake();
        await reporter.report();
        alarm.arm();
      } catch (error) {
        const { stack } = error as Error;
        console.error(logLine({ level: 'error', at: 'WorkflowRun.alarm', message: String(error), stack }));
      }
    }

    async archive(): Promise<'archived' | 'not_ended' | 'nothing'> {
      const order = this.#store.order();
      if (!order) return 'nothing';
      const { status } = this.#store.state.run();
      const isOver = ENDED.includes(status) && status !== 'needs_review';
      if (!isOver || !this.#store.outbox.isRecorded() || this.#run.attempts.isAny) return 'not_ended';
      await this.#run.large.moveRest();
      await this.#deps.archive(order.executionId, archiveLines(this.#store, this.#run.plan));
      return 'archived';
    }

    async empty(): Promise<void> {
      await this.#run.alarm.stop();
      await this.ctx.storage.deleteAll();
      // nobody asks an archived run again
      this.#run.forget();
    }

    // ---- what a person decides ----
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
      const taken = this.#run.change(
        (progress, nowMs) => event(progress, nowMs, place),
        () => write(place),
      );
      if (!taken) return err('nothing_to_decide');
      this.#run.reporter.node(frame, nodeId);
      return ok(await this.#run.told());
    }

    /** null when there is no such node, or its item has not begun. */
    #frameOf({ nodeId, itemPath }: NodePlace): string | null {
      const node = this.#run.plan.nodes.get(nodeId);
      if (!node) return null;
      const frame = frameKey(node.scope, itemPath);
      return this.#store.state.hasFrame(frame) ? frame : null;
    }

    // ---- what is asked of it ----
    async view(page: { nodeId?: string; limit: number; cursor?: string }): Promise<RunView | null> {
      if (!this.#store.order()) return null;
      // who sees the end here finds index row and outputs written; who sees that money is missing and tops up finds the run waiting
      const { status } = this.#store.state.run();
      if (ENDED.includes(status) || status === 'paused_budget') await this.#run.reporter.report();
      return runView(this.#store, this.#run.plan, page);
    }

    async questions(limit: number): Promise<NodeView[]> {
      return this.#store.order() ? this.#store.steps.questions(limit) : [];
    }

    async output({ nodeId, itemPath }: NodePlace): Promise<WholeOutput | null> {
      if (!this.#store.order()) return null;
      const frame = this.#frameOf({ nodeId, itemPath });
      // the top has no items
      if (frame === null || (frame === TOP) !== (itemPath.length === 0)) return null;
      const whole = this.#store.outputs.whole(frame, nodeId);
      if (!whole || 'ref' in whole || whole.json.length <= LARGE_CHARS) return whole;
      // too large for a message
      return { ref: await this.#run.large.moveOne({ frame, node: nodeId }, whole.json) };
    }

    async topNodes(): Promise<EarlierNode[]> {
      if (!this.#store.order()) return [];
      const { nodes: planned } = this.#run.plan;
      return [...this.#store.state.frame(TOP).nodes].map(([nodeId, { status, handle }]) => ({
        nodeId,
        status,
        handle,
        ...(planned.get(nodeId)?.isMap ? this.#store.items.known(TOP, nodeId) : {}),
      }));
    }

    async itemNodes({ mapIds, after }: { mapIds: readonly string[]; after: string | null }) {
      if (!this.#store.order()) return null;
      const { nodes: planned } = this.#run.plan;
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
  };
}
