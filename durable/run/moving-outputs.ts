/** Large outputs, once they are safe here, move to R2; one that does not get there stays and is there all the same. */
import { logLine } from '../../worker/domain/log-line.ts';
import { pathOf } from '../../worker/domain/workflow/plan.ts';
import type { OutputRef, RunDeps, WholeOutput } from '../../worker/domain/workflow/run.ts';
import type { WorkflowRunStore } from './run.store.ts';
import type { Place } from './tables.ts';

export class MovingOutputs {
  readonly #store: WorkflowRunStore;
  readonly #deps: RunDeps;
  /** nodes whose large outputs came lately */
  readonly #came: Place[] = [];

  constructor(store: WorkflowRunStore, deps: RunDeps) {
    this.#store = store;
    this.#deps = deps;
  }

  keep(frame: string, node: string, output: unknown): void {
    if (this.#store.outputs.put(frame, node, output)) this.#came.push({ frame, node });
  }
  keepWhole(frame: string, node: string, output: WholeOutput): void {
    if (this.#store.outputs.putWhole(frame, node, output)) this.#came.push({ frame, node });
  }

  get isAny(): boolean {
    return this.#came.length > 0;
  }
  async move(): Promise<void> {
    for (const place of this.#came.splice(0)) {
      const text = this.#store.order() && this.#store.outputs.largeText(place.frame, place.node);
      if (!text) continue;
      await this.moveOne(place, text).catch((error: unknown) => {
        const { node } = place;
        console.error(logLine({ level: 'error', at: 'WorkflowRun.offload', node, message: String(error) }));
      });
    }
  }
  /** All that have not got there before. */
  async moveRest(): Promise<void> {
    const { outputs } = this.#store;
    for (let places = outputs.largePlaces(20); places.length > 0; places = outputs.largePlaces(20))
      for (const place of places) await this.moveOne(place, outputs.largeText(place.frame, place.node)!);
  }
  async moveOne({ frame, node }: Place, text: string): Promise<OutputRef> {
    const { executionId } = this.#store.order()!;
    const ref = await this.#deps.putOutput({ executionId, nodeId: node, itemPath: pathOf(frame) }, text);
    const isSame = this.#store.order() !== null && this.#store.outputs.largeText(frame, node) === text;
    if (isSame) this.#store.transaction(() => this.#store.outputs.putRef(frame, node, ref));
    return ref;
  }
}
