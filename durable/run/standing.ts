/**
 * How many of a run's nodes stand where: counted over the rows once, and from then on kept as nodes move, since to count a hundred thousand
 * rows anew for everybody who looks takes longer than the page they look at.
 */
import type { FrameState, NodeState, NodeStatus } from '../../worker/domain/workflow/state.ts';
import type { Tables } from './tables.ts';

export type Counts = Record<string, Partial<Record<NodeStatus, number>>>;

export class Standing {
  readonly #tables: Tables;
  #counts: Counts | null = null;
  /** how the nodes of frames that go on stand in the rows, by frame and node */
  readonly #known = new Map<string, Map<string, NodeStatus>>();
  #isAsked = false;

  constructor(tables: Tables) {
    this.#tables = tables;
  }
  forget(): void {
    this.#counts = null;
    this.#known.clear();
  }

  /** Its rows are as `frame` says. */
  frameIsThere({ key, nodes }: FrameState): void {
    if (!this.#known.has(key))
      this.#known.set(key, new Map([...nodes].map(([id, { status }]) => [id, status])));
  }
  frameIsGone(key: string): void {
    this.#known.delete(key);
  }
  /** Rows came into being elsewhere. */
  rowsCame(frame: FrameState): void {
    this.#counts = null;
    this.#known.delete(frame.key);
    this.frameIsThere(frame);
  }
  moved(frame: string, node: string, { status, wait }: NodeState): void {
    if (status === 'needs_review' || (status === 'waiting' && wait?.for === 'approval')) this.#isAsked = true;
    const known = this.#known.get(frame);
    if (!known) this.#counts = null;
    else if (this.#counts) {
      const before = known.get(node);
      const counts = (this.#counts[node] ??= {});
      if (before !== undefined && --counts[before]! === 0) delete counts[before];
      counts[status] = (counts[status] ?? 0) + 1;
    }
    known?.set(node, status);
  }

  /** Did a node come to wait for a person since this was last asked? */
  takeAsked(): boolean {
    const isAsked = this.#isAsked;
    this.#isAsked = false;
    return isAsked;
  }

  counts(): Counts {
    if (this.#counts) return this.#counts;
    const counts: Counts = {};
    for (const row of this.#tables.rows('SELECT node, status, count(*) AS n FROM node GROUP BY node, status'))
      (counts[String(row.node)] ??= {})[row.status as NodeStatus] = Number(row.n);
    return (this.#counts = counts);
  }
}
