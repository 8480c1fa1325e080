/** The items of maps: what they are, what they are known by, and how they ended. All of a map's items never stand in memory. */
import type { EarlierItemNode } from '../../worker/domain/workflow/replay.ts';
import type { OutputRef } from '../../worker/domain/workflow/run.ts';
import type { FrameState } from '../../worker/domain/workflow/state.ts';
import { itemChunks, itemsHash, type ItemChunk } from './items.ts';
import { LARGE_CHARS } from './outputs.store.ts';
import { parse, type Tables } from './tables.ts';

const PAGE_ROWS = 500;

/** An item of a map that has ended. */
export interface ItemResult {
  key: string;
  index: number;
  status: string;
  /** JSON */
  error: string | null;
  resultNode: string | null;
  json: string | null;
}

export class MapItemsStore {
  readonly #tables: Tables;
  #chunk: { frame: string; node: string; first: number; items: unknown[] } | null = null;

  constructor(tables: Tables) {
    this.#tables = tables;
  }
  forget(): void {
    this.#chunk = null;
  }

  put(frame: string, node: string, items: readonly unknown[]): void {
    for (const chunk of itemChunks(items)) this.putChunk(frame, node, chunk);
  }
  /** They are the map's items once it is told how many there are. */
  putChunk(frame: string, node: string, { first, text: chunk }: ItemChunk): void {
    this.#tables.exec(
      'INSERT OR REPLACE INTO item (frame, node, first, items) VALUES (?, ?, ?, ?)',
      frame,
      node,
      first,
      chunk,
    );
  }
  /** Chunks of an attempt that was lost. */
  remove(frame: string, node: string): void {
    this.#chunk = null;
    this.#tables.exec('DELETE FROM item WHERE frame = ? AND node = ?', frame, node);
  }
  at(frame: string, node: string, index: number): unknown {
    const kept = this.#chunk;
    const inside =
      kept?.frame === frame &&
      kept.node === node &&
      index >= kept.first &&
      index < kept.first + kept.items.length;
    if (!inside) {
      const row = this.#tables.first(
        'SELECT first, items FROM item WHERE frame = ? AND node = ? AND first <= ? ORDER BY first DESC LIMIT 1',
        frame,
        node,
        index,
      )!;
      this.#chunk = {
        frame,
        node,
        first: Number(row.first),
        items: JSON.parse(String(row.items)) as unknown[],
      };
    }
    return this.#chunk!.items[index - this.#chunk!.first];
  }
  /** What another run that takes over must know of a map: what its items are known by (null = it has none), and whether any failed. */
  known(frame: string, node: string): { itemsHash: string | null; hasFailedItems?: boolean } {
    const rows = this.#tables.rows(
      'SELECT items FROM item WHERE frame = ? AND node = ? ORDER BY first',
      frame,
      node,
    );
    const hash = itemsHash(
      (function* () {
        for (const row of rows) yield String(row.items);
      })(),
    );
    const failed = `SELECT 1 FROM frame WHERE parent = ? AND scope = ? AND status = 'failed' LIMIT 1`;
    const hasFailedItems = hash !== null && this.#tables.first(failed, frame, node) !== undefined;
    return { itemsHash: hash, ...(hasFailedItems ? { hasFailedItems } : {}) };
  }
  /**
   * Frames of a map in the order of its items, from one of them on, as many as a page holds, each with its result: JSON, or null where that
   * is large and stands elsewhere. `status`: only those.
   */
  results(frame: string, node: string, query: { from: number; status?: FrameState['status'] }): ItemResult[] {
    const rows = this.#tables.rows(
      `SELECT f.key, f.item, f.status, f.error, f.result_node, n.output FROM frame f
       LEFT JOIN node n ON n.frame = f.key AND n.node = f.result_node
       WHERE f.parent = ? AND f.scope = ? AND f.item >= ? ${query.status === undefined ? '' : 'AND f.status = ?'} ORDER BY f.item LIMIT ?`,
      frame,
      node,
      query.from,
      ...(query.status === undefined ? [] : [query.status]),
      PAGE_ROWS,
    );
    const results: ItemResult[] = [];
    let chars = 0;
    for (const row of rows) {
      const json = row.result_node === null ? 'null' : (row.output as string | null);
      results.push({
        key: String(row.key),
        index: Number(row.item),
        status: String(row.status),
        error: row.error as string | null,
        resultNode: row.result_node as string | null,
        json,
      });
      if ((chars += json?.length ?? 0) > LARGE_CHARS) break;
    }
    return results;
  }
  /** Nodes of the items of a map after one of them, for a run that takes over; fewer than a page when they are large. */
  nodes(scope: string, after: [string, string], isMap: (nodeId: string) => boolean): EarlierItemNode[] {
    // '@' stands between a scope and a path, and 'A' is what comes after it
    const rows = this.#tables.rows(
      `SELECT n.frame, n.node, n.status, n.handle, n.output, n.ref, n.output IS NULL AND n.ref IS NULL
         AND EXISTS (SELECT 1 FROM part p WHERE p.frame = n.frame AND p.node = n.node) AS in_parts
       FROM node n WHERE n.frame >= ? AND n.frame < ? AND (n.frame, n.node) > (?, ?) ORDER BY n.frame, n.node LIMIT ?`,
      `${scope}@`,
      `${scope}A`,
      ...after,
      PAGE_ROWS,
    );
    const nodes: EarlierItemNode[] = [];
    let chars = 0;
    for (const row of rows) {
      const [frame, nodeId] = [String(row.frame), String(row.node)];
      const output = row.status === 'succeeded' ? (row.output as string | null) : null;
      chars += output?.length ?? 0;
      nodes.push({
        frame,
        nodeId,
        status: String(row.status),
        handle: row.handle as string | null,
        output,
        ref: parse<OutputRef>(row.ref!),
        isLarge: row.in_parts === 1,
        ...(isMap(nodeId) ? this.known(frame, nodeId) : {}),
      });
      if (chars > LARGE_CHARS) break;
    }
    return nodes;
  }
}
