/** What a run has spent: each node's sum, and that of them all beside the run. */
import type { NodeSpend } from '../../worker/domain/contracts/node.ts';
import type { OutboxStore } from './outbox.store.ts';
import type { Row, Tables } from './tables.ts';

const spendOf = (row: Row | undefined): NodeSpend => ({
  inputTokens: Number(row?.input_tokens ?? 0),
  outputTokens: Number(row?.output_tokens ?? 0),
  costNanoUsd: Number(row?.cost_nano_usd ?? 0),
});

export class SpendStore {
  readonly #tables: Tables;
  readonly #outbox: OutboxStore;

  constructor(tables: Tables, outbox: OutboxStore) {
    this.#tables = tables;
    this.#outbox = outbox;
  }

  add(frame: string, node: string, spend: NodeSpend): void {
    const sums = [spend.inputTokens, spend.outputTokens, spend.costNanoUsd];
    const add =
      'input_tokens = input_tokens + ?, output_tokens = output_tokens + ?, cost_nano_usd = cost_nano_usd + ?';
    this.#tables.exec(`UPDATE node SET ${add} WHERE frame = ? AND node = ?`, ...sums, frame, node);
    this.#tables.exec(`UPDATE run SET ${add}, recorded = 0`, ...sums);
    this.#outbox.changed();
  }
  ofRun(): NodeSpend {
    return spendOf(this.#tables.first('SELECT input_tokens, output_tokens, cost_nano_usd FROM run'));
  }
  ofNode(frame: string, node: string): NodeSpend {
    return spendOf(
      this.#tables.first(
        'SELECT input_tokens, output_tokens, cost_nano_usd FROM node WHERE frame = ? AND node = ?',
        frame,
        node,
      ),
    );
  }
  /** What a frame's nodes have spent and when its first began. */
  ofFrame(frame: string): NodeSpend & { startedMs: number | null } {
    const row = this.#tables.first(
      `SELECT sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens, sum(cost_nano_usd) AS cost_nano_usd,
         min(started_ms) AS started_ms FROM node WHERE frame = ?`,
      frame,
    )!;
    return { ...spendOf(row), startedMs: row.started_ms === null ? null : Number(row.started_ms) };
  }
}
