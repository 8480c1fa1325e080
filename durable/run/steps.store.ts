/** What people see of a run's steps: pages of them, questions to a person, how many stand where, when they ran. */
import type { Stretch } from '../../worker/domain/workflow/engine-time.ts';
import type { Plan } from '../../worker/domain/workflow/plan.ts';
import { PAGE_CHARS, type NodeRow, type RowPage } from '../../worker/domain/workflow/run-page.ts';
import type { NodeView, OutputRef } from '../../worker/domain/workflow/run.ts';
import { Standing, type Counts } from './standing.ts';
import { nodeOf } from './state.store.ts';
import { stepsInOrder, type StepsAsk } from './steps-in-order.ts';
import { parse, type Row, type Tables } from './tables.ts';

/** How an output begins, where it is not shown whole. */
const PREVIEW_CHARS = 1_000;
/** Where nodes wait for a person; each half is answered by an index of its own, where one condition for both would go through all nodes. */
const ASKS = `(SELECT frame, node FROM node WHERE status = 'needs_review' UNION ALL SELECT frame, node FROM node
  WHERE status IN ('queued', 'running', 'waiting') AND status = 'waiting' AND wait ->> 'for' = 'approval')`;

export class StepsStore {
  readonly #tables: Tables;
  readonly standing: Standing;

  constructor(tables: Tables) {
    this.#tables = tables;
    this.standing = new Standing(tables);
  }

  /** One page of them; shorter than asked for when they are large. */
  page(plan: Plan, ask: StepsAsk): RowPage {
    const rows: NodeRow[] = [];
    let chars = 0;
    for (const row of stepsInOrder(this.#tables, plan, ask)) {
      chars += ((row.output as string | null) ?? '').length;
      if (rows.length === ask.limit || (rows.length > 0 && chars > PAGE_CHARS)) return { rows, more: true };
      rows.push(this.#view(row));
    }
    return { rows, more: false };
  }
  #view(row: Row): NodeRow {
    const path = JSON.parse(String(row.path)) as number[];
    const state = nodeOf(row);
    const began = state.status === 'succeeded' || state.status === 'failed';
    const iso = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString());
    const first =
      began && row.output === null
        ? (parse<OutputRef>(row.ref!)?.preview ?? this.#firstPart(String(row.frame), String(row.node)))
        : null;
    return {
      frame: String(row.frame),
      nodeId: String(row.node),
      ...(path.length > 0 ? { itemIndex: path.at(-1)!, itemPath: path } : {}),
      status: state.status,
      attempts: state.attempts,
      startedAt: iso(state.startedMs),
      endedAt: iso(state.endedMs),
      ...(state.handle === null ? {} : { handle: state.handle }),
      ...(row.output === null || !began ? {} : { output: JSON.parse(String(row.output)) as unknown }),
      ...(first === null ? {} : { outputPreview: first }),
      ...(state.error === null ? {} : { error: state.error }),
      ...(state.wait ? { wait: { ...state.wait, until: iso(state.dueMs) } } : {}),
      inputTokens: Number(row.input_tokens),
      outputTokens: Number(row.output_tokens),
      costNanoUsd: Number(row.cost_nano_usd),
    };
  }
  #firstPart(frame: string, node: string): string | null {
    const row = this.#tables.first(
      `SELECT substr(text, 1, ${PREVIEW_CHARS}) AS text FROM part WHERE frame = ? AND node = ? AND part = 0`,
      frame,
      node,
    );
    return row ? String(row.text) : null;
  }

  questionCount(): number {
    return Number(this.#tables.first(`SELECT count(*) AS n FROM ${ASKS}`)!.n);
  }
  questions(limit: number): NodeView[] {
    return this.#tables
      .all(
        `SELECT n.*, f.path FROM ${ASKS} JOIN node n USING (frame, node) JOIN frame f ON f.key = n.frame
         ORDER BY n.started_ms, n.item LIMIT ?`,
        limit,
      )
      .map((row) => {
        const { frame: _, ...view } = this.#view(row);
        return view;
      });
  }

  /** Per node, how many of its items stand where. */
  counts(): Counts {
    return this.standing.counts();
  }
  /** When its nodes ran or waited; null when there are more than `limit`. */
  stretches(limit: number): Stretch[] | null {
    const rows = this.#tables.all(
      'SELECT started_ms, ended_ms FROM node WHERE started_ms IS NOT NULL LIMIT ?',
      limit + 1,
    );
    if (rows.length > limit) return null;
    return rows.map((row) => ({ startedMs: Number(row.started_ms), endedMs: row.ended_ms as number | null }));
  }
}
