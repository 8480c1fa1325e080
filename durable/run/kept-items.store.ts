/**
 * What an earlier run gave in items of a map that are not begun yet, in the object of the run that takes over from it: rows that move into an
 * item's frame when its turn comes. The table is made only there, so that no other run pays for it. Described in docs/state.md.
 */
import { pathOf } from '../../worker/domain/workflow/plan.ts';
import type { OutputRef } from '../../worker/domain/workflow/run.ts';
import { keptNode, type FrameState } from '../../worker/domain/workflow/state.ts';
import type { Tables } from './tables.ts';

/** `marks` = null: a result. Else a map: `may` find items of the earlier run, or `does`, since they are the same. */
const TABLE = `CREATE TABLE IF NOT EXISTS kept (
  frame TEXT NOT NULL, node TEXT NOT NULL, handle TEXT, output TEXT, ref TEXT, marks TEXT, items_hash TEXT, PRIMARY KEY (frame, node)
) STRICT, WITHOUT ROWID`;

/** `output` null = it is large, and stands at `ref`. */
export interface KeptResult {
  frame: string;
  nodeId: string;
  handle: string | null;
  output: string | null;
  ref: OutputRef | null;
}

export class KeptItemsStore {
  readonly #tables: Tables;
  readonly #takesOver: () => boolean;
  #isThere: boolean | undefined;

  /** `takesOver`: does this run take over from another? */
  constructor(tables: Tables, takesOver: () => boolean) {
    this.#tables = tables;
    this.#takesOver = takesOver;
  }
  forget(): void {
    this.#isThere = undefined;
  }
  /** Absent in other runs, and in those that began before there was such a table. */
  #there(): boolean {
    return (this.#isThere ??=
      this.#takesOver() &&
      this.#tables.first(`SELECT 1 FROM sqlite_master WHERE name = 'kept'`) !== undefined);
  }
  #make(): void {
    if (this.#there()) return;
    this.#tables.exec(TABLE);
    this.#isThere = true;
  }

  /** A map that may find items of the earlier run, should its own be the same. */
  mayResume(frame: string, node: string, itemsHash: string): void {
    this.#make();
    this.#tables.exec(
      `INSERT OR REPLACE INTO kept (frame, node, marks, items_hash) VALUES (?, ?, 'may', ?)`,
      frame,
      node,
      itemsHash,
    );
  }
  put({ frame, nodeId, handle, output, ref }: KeptResult): void {
    this.#make();
    this.#tables.exec(
      'INSERT OR REPLACE INTO kept (frame, node, handle, output, ref) VALUES (?, ?, ?, ?, ?)',
      frame,
      nodeId,
      handle,
      output,
      ref && JSON.stringify(ref),
    );
  }
  /** What the earlier run's items of this map are known by; null when there is nothing to take over. */
  itemsHash(frame: string, node: string): string | null {
    if (!this.#there()) return null;
    const may = `SELECT items_hash FROM kept WHERE frame = ? AND node = ? AND marks = 'may'`;
    const row = this.#tables.first(may, frame, node);
    return row ? String(row.items_hash) : null;
  }
  resume(frame: string, node: string): void {
    this.#tables.exec(`UPDATE kept SET marks = 'does' WHERE frame = ? AND node = ?`, frame, node);
  }
  resumes(frame: string, node: string): boolean {
    if (!this.#there()) return false;
    const does = `SELECT 1 FROM kept WHERE frame = ? AND node = ? AND marks = 'does'`;
    return this.#tables.first(does, frame, node) !== undefined;
  }
  /** Is there a map that takes over, and of whose items none goes on? */
  isTakingOver(): boolean {
    if (!this.#there()) return false;
    const one = `SELECT 1 FROM kept k JOIN map m USING (frame, node) JOIN node n USING (frame, node)
       WHERE k.marks = 'does' AND m.active = 0 AND m.next < m.total AND n.status = 'running' LIMIT 1`;
    return this.#tables.first(one) !== undefined;
  }
  /** Moves the results of an item into its frame. */
  takeOver(frame: FrameState, nowMs: number): void {
    if (!this.#there()) return;
    const rows = this.#tables.all(
      'SELECT node, handle FROM kept WHERE frame = ? AND marks IS NULL',
      frame.key,
    );
    if (rows.length === 0) return;
    for (const { node, handle } of rows)
      frame.nodes.set(String(node), keptNode(handle as string | null, nowMs));
    this.#tables.exec(
      `INSERT INTO node (frame, node, item, status, attempts, handle, ended_ms, output, ref)
       SELECT frame, node, ?, 'succeeded', 0, handle, ?, output, ref FROM kept WHERE frame = ? AND marks IS NULL`,
      pathOf(frame.key).at(-1)!,
      nowMs,
      frame.key,
    );
    this.#tables.exec('DELETE FROM kept WHERE frame = ? AND marks IS NULL', frame.key);
  }
}
