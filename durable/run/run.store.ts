/** The rows of one run, by what they are for: each part has a store of its own, all share one connection. Described in docs/state.md. */
import type { RunOrder } from '../../worker/domain/workflow/run.ts';
import { KeptItemsStore } from './kept-items.store.ts';
import { MapItemsStore } from './map-items.store.ts';
import { OutboxStore } from './outbox.store.ts';
import { OutputsStore } from './outputs.store.ts';
import { SpendStore } from './spend.store.ts';
import { StateStore } from './state.store.ts';
import { StepsStore } from './steps.store.ts';
import { parse, Tables } from './tables.ts';

export class WorkflowRunStore {
  readonly #tables: Tables;
  #order: RunOrder | null | undefined;
  /** what the state machine keeps */
  readonly state: StateStore;
  /** what an earlier run gave in items that are not begun yet */
  readonly kept: KeptItemsStore;
  readonly items: MapItemsStore;
  readonly outputs: OutputsStore;
  readonly spend: SpendStore;
  /** what D1 is still to be told */
  readonly outbox: OutboxStore;
  /** what people see */
  readonly steps: StepsStore;

  constructor(storage: DurableObjectStorage) {
    const tables = (this.#tables = new Tables(storage));
    this.kept = new KeptItemsStore(tables, () => this.order()?.replay !== undefined);
    this.items = new MapItemsStore(tables);
    this.outputs = new OutputsStore(tables);
    this.outbox = new OutboxStore(tables);
    this.spend = new SpendStore(tables, this.outbox);
    this.steps = new StepsStore(tables);
    this.state = new StateStore(tables, this);
  }

  /** All of `change` or nothing; what memory remembers is dropped with it. */
  transaction<T>(change: () => T): T {
    try {
      return this.#tables.transaction(change);
    } catch (error) {
      this.forget();
      throw error;
    }
  }
  /** Only the rows count. */
  forget(): void {
    this.#order = undefined;
    for (const part of [this.#tables, this.state, this.kept, this.items, this.outputs, this.outbox])
      part.forget();
    this.steps.standing.forget();
  }

  /** null when it has not begun. */
  order(): RunOrder | null {
    if (this.#order === undefined)
      this.#order = parse<RunOrder>(this.#tables.first('SELECT run_order FROM run')?.run_order ?? null);
    return this.#order;
  }
  putOrder(order: RunOrder): void {
    this.#order = order;
    this.#tables.exec(
      `INSERT INTO run (id, run_order, state) VALUES (1, ?, '{}') ON CONFLICT (id) DO UPDATE SET run_order = excluded.run_order`,
      JSON.stringify(order),
    );
  }
}
