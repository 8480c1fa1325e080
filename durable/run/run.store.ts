/** The rows of one run: what the state machine keeps, beside outputs, items and what is still to be told to D1. Described in docs/state.md. */
import type { NodeSpend } from '../../worker/domain/contracts/node.ts';
import type { Stretch } from '../../worker/domain/workflow/engine-time.ts';
import type { EarlierItemNode } from '../../worker/domain/workflow/replay.ts';
import type {
  NodeView,
  OutputRef,
  RunOrder,
  StoredOutput,
  WholeOutput,
} from '../../worker/domain/workflow/run.ts';
import type {
  FrameState,
  MapState,
  NodeState,
  NodeStatus,
  NodeWait,
  ProgressState,
  RunState,
} from '../../worker/domain/workflow/state.ts';
import { itemChunks, itemsHash } from './items.ts';
import { KeptItemsStore } from './kept-items.store.ts';
import { PAGE_CHARS, type NodeRow, type RowPage } from '../../worker/domain/workflow/run-page.ts';
import { migrate } from '../migrate.ts';
import { NEWEST, VERSIONS } from './run.schema.ts';

/** A row holds 2 MB; what is longer than this many characters stands in parts. */
const PART_CHARS = 500_000;
const LIVE_FRAMES = 1_000;
/** Outputs of more characters go to R2, once they are safe here. */
export const LARGE_CHARS = 1_000_000;
/** How an output begins, where it is not shown whole. */
export const PREVIEW_CHARS = 1_000;
/** What a page of rows for another run may hold. */
const PAGE_ROWS = 500;
/** So many large outputs are remembered: a map asks for one and the same with every item. */
const LARGE_KEPT = 2;

/** a node `n` that waits for a person; each half is answered by an index of its own */
const ASKS = `(n.status = 'needs_review' OR (n.status = 'waiting' AND n.wait ->> 'for' = 'approval'))`;

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

type Row = Record<string, string | number | null>;
const parse = <T>(text: string | number | null): T | null =>
  text === null ? null : (JSON.parse(String(text)) as T);
const text = (value: unknown): string | null =>
  value === null || value === undefined ? null : JSON.stringify(value);

/** Where a text may be cut: never within a character that is two code units, since half of one is none in UTF-8. */
const wholeChars = (text: string, at: number): number => {
  const before = text.charCodeAt(at - 1);
  return at < text.length && before >= 0xd800 && before < 0xdc00 ? at - 1 : at;
};

export class WorkflowRunStore implements ProgressState {
  readonly #storage: DurableObjectStorage;
  /** are the tables there? They are made by the first question, so that a new run's are written with its first event. */
  #isReady = false;
  #order: RunOrder | null | undefined;
  #run: RunState | undefined;
  #recorded: boolean | undefined;
  readonly #frames = new Map<string, FrameState>();
  readonly #outputs = new Map<string, Record<string, unknown>>();
  readonly #maps = new Map<string, MapState | null>();
  readonly #large = new Map<string, unknown>();
  /** has this run any large output? */
  #anyLarge: boolean | undefined;
  #chunk: { frame: string; node: string; first: number; items: unknown[] } | null = null;
  /** what an earlier run gave in items that are not begun yet */
  readonly kept: KeptItemsStore;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    this.kept = new KeptItemsStore(
      () => this.#sql,
      () => this.order()?.replay !== undefined,
    );
  }

  /** All of `change` or nothing; what memory remembers is dropped with it. */
  transaction<T>(change: () => T): T {
    try {
      return this.#storage.transactionSync(change);
    } catch (error) {
      this.forget();
      throw error;
    }
  }
  /** Only the rows count. */
  forget(): void {
    this.#order = this.#run = undefined;
    this.#isReady = false;
    this.#recorded = undefined;
    this.#anyLarge = undefined;
    this.#chunk = null;
    this.kept.forget();
    for (const cache of [this.#frames, this.#outputs, this.#maps, this.#large]) cache.clear();
  }

  get #sql(): SqlStorage {
    if (!this.#isReady) migrate(this.#storage, VERSIONS, NEWEST);
    this.#isReady = true;
    return this.#storage.sql;
  }
  #all(sql: string, ...bindings: (string | number | null)[]): Row[] {
    return this.#sql.exec<Row>(sql, ...bindings).toArray();
  }
  #exec(sql: string, ...bindings: (string | number | null)[]): void {
    this.#sql.exec(sql, ...bindings);
  }

  // ---- the run ----
  order(): RunOrder | null {
    if (this.#order === undefined)
      this.#order = parse<RunOrder>(this.#all('SELECT run_order FROM run')[0]?.run_order ?? null);
    return this.#order;
  }
  putOrder(order: RunOrder): void {
    this.#order = order;
    this.#exec(
      `INSERT INTO run (id, run_order, state) VALUES (1, ?, '{}') ON CONFLICT (id) DO UPDATE SET run_order = excluded.run_order`,
      JSON.stringify(order),
    );
  }
  run(): RunState {
    return (this.#run ??= parse<RunState>(this.#all('SELECT state FROM run')[0]!.state!)!);
  }
  putRun(run: RunState): void {
    this.#run = run;
    this.#recorded = false;
    this.#exec('UPDATE run SET state = ?, recorded = 0', JSON.stringify(run));
  }
  spend(): NodeSpend {
    const row = this.#all('SELECT input_tokens, output_tokens, cost_nano_usd FROM run')[0]!;
    return {
      inputTokens: Number(row.input_tokens),
      outputTokens: Number(row.output_tokens),
      costNanoUsd: Number(row.cost_nano_usd),
    };
  }
  isRecorded(): boolean {
    return (this.#recorded ??= this.#all('SELECT recorded FROM run')[0]?.recorded === 1);
  }
  setRecorded(): void {
    this.#recorded = true;
    this.#exec('UPDATE run SET recorded = 1');
  }

  // ---- frames and nodes ----
  frame(key: string): FrameState {
    const kept = this.#frames.get(key);
    if (kept) return kept;
    const row = this.#all('SELECT * FROM frame WHERE key = ?', key)[0];
    if (!row) throw new Error(`no frame "${key}"`);
    const frame: FrameState = {
      key,
      scope: String(row.scope),
      parent: row.parent as string | null,
      path: JSON.parse(String(row.path)) as number[],
      status: row.status as FrameState['status'],
      resultNode: row.result_node as string | null,
      error: parse(row.error!),
      nodes: new Map(
        this.#all('SELECT * FROM node WHERE frame = ?', key).map((node) => [String(node.node), nodeOf(node)]),
      ),
    };
    this.#keep(frame);
    return frame;
  }
  hasFrame(key: string): boolean {
    return this.#frames.has(key) || this.#all('SELECT 1 FROM frame WHERE key = ?', key).length > 0;
  }
  #keep(frame: FrameState): void {
    if (this.#frames.size >= LIVE_FRAMES)
      for (const [key] of this.#frames) if (key !== '' && this.#frames.delete(key)) break;
    this.#frames.set(frame.key, frame);
  }
  putFrame(frame: FrameState): void {
    this.#exec(
      `INSERT INTO frame (key, scope, parent, path, item, status, result_node, error) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (key) DO UPDATE SET status = excluded.status, result_node = excluded.result_node, error = excluded.error`,
      frame.key,
      frame.scope,
      frame.parent,
      JSON.stringify(frame.path),
      frame.path.at(-1) ?? -1,
      frame.status,
      frame.resultNode,
      text(frame.error),
    );
    if (frame.status === 'running') this.#keep(frame);
    else if (frame.key !== '') {
      this.#frames.delete(frame.key);
      this.#outputs.delete(frame.key);
    }
  }
  putNode(frame: FrameState, nodeId: string, node: NodeState): void {
    this.#exec(
      `INSERT INTO node (frame, node, item, status, attempts, token, due_ms, handle, started_ms, ended_ms, error, wait)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (frame, node) DO UPDATE SET status = excluded.status, attempts = excluded.attempts, token = excluded.token,
         due_ms = excluded.due_ms, handle = excluded.handle, started_ms = excluded.started_ms, ended_ms = excluded.ended_ms, error = excluded.error, wait = excluded.wait`,
      frame.key,
      nodeId,
      frame.path.at(-1) ?? -1,
      node.status,
      node.attempts,
      node.token,
      node.dueMs,
      node.handle,
      node.startedMs,
      node.endedMs,
      text(node.error),
      text(node.wait),
    );
  }
  nodesIn(...statuses: NodeStatus[]) {
    const marks = statuses.map(() => '?').join(', ');
    return this.#all(
      `SELECT frame, node FROM node WHERE status IN ('queued', 'running', 'waiting') AND status IN (${marks}) ORDER BY item, frame`,
      ...statuses,
    ).map((row) => ({ frame: String(row.frame), node: String(row.node) }));
  }
  minDueMs(): number | null {
    const due = this.#all('SELECT min(due_ms) AS due FROM node WHERE due_ms IS NOT NULL')[0]!.due!;
    return due === null ? null : Number(due);
  }

  // ---- maps and their items ----
  map(frame: string, node: string): MapState | null {
    const key = `${frame}|${node}`;
    let map = this.#maps.get(key);
    if (map === undefined) {
      const row = this.#all('SELECT * FROM map WHERE frame = ? AND node = ?', frame, node)[0];
      map = row
        ? {
            total: Number(row.total),
            next: Number(row.next),
            active: Number(row.active),
            concurrency: Number(row.concurrency),
            onItemError: row.on_item_error as MapState['onItemError'],
            ...(this.kept.resumes(frame, node) ? { resumes: true } : {}),
          }
        : null;
      this.#maps.set(key, map);
    }
    return map;
  }
  putMap(frame: string, node: string, map: MapState): void {
    const key = `${frame}|${node}`;
    if (map.resumes && !this.#maps.get(key)?.resumes) this.kept.resume(frame, node);
    this.#maps.set(key, map);
    this.#exec(
      `INSERT INTO map (frame, node, total, next, active, concurrency, on_item_error) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (frame, node) DO UPDATE SET next = excluded.next, active = excluded.active`,
      frame,
      node,
      map.total,
      map.next,
      map.active,
      map.concurrency,
      map.onItemError,
    );
  }
  openFrames(parent: string, scope: string): string[] {
    return this.#all(
      `SELECT key FROM frame WHERE parent = ? AND scope = ? AND status = 'running' ORDER BY item`,
      parent,
      scope,
    ).map((row) => String(row.key));
  }
  openMaps() {
    return this.#all(
      `SELECT map.frame, map.node FROM map JOIN node USING (frame, node) WHERE map.next < map.total AND node.status = 'running'`,
    ).map((row) => ({ frame: String(row.frame), node: String(row.node) }));
  }
  isInDoubt(parent: string, scope: string): boolean {
    const one = `SELECT 1 FROM frame WHERE parent = ? AND scope = ? AND status = 'needs_review' LIMIT 1`;
    return this.#all(one, parent, scope).length > 0;
  }
  motion() {
    const waits: NodeWait['for'][] = [];
    let gathers = false;
    for (const row of this.#all(
      `SELECT n.status, n.wait, m.total FROM node n LEFT JOIN map m USING (frame, node)
       WHERE n.status IN ('queued', 'running', 'waiting')
         AND (n.status = 'waiting' OR (n.status = 'running' AND (m.total IS NULL OR (m.active = 0 AND m.next >= m.total))))`,
    )) {
      if (row.status === 'waiting') waits.push(parse<NodeWait>(row.wait!)?.for ?? 'retry');
      else if (row.total === null) return { running: true, handling: false, waits: [] };
      else gathers = true;
    }
    return { running: false, handling: gathers || this.kept.isTakingOver(), waits };
  }
  takeOver(frame: FrameState, nowMs: number): void {
    if (this.kept.takeOver(frame, nowMs)) this.#anyLarge = true;
  }
  putItems(frame: string, node: string, items: unknown[]): void {
    for (const { first, text: chunk } of itemChunks(items))
      this.#exec(
        'INSERT OR REPLACE INTO item (frame, node, first, items) VALUES (?, ?, ?, ?)',
        frame,
        node,
        first,
        chunk,
      );
  }
  /** What another run that takes over must know of a map: what its items are known by (null = it has none), and whether any failed. */
  itemsOf(frame: string, node: string): { itemsHash: string | null; hasFailedItems?: boolean } {
    const rows = this.#sql.exec<Row>(
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
    const hasFailedItems = hash !== null && this.#all(failed, frame, node).length > 0;
    return { itemsHash: hash, ...(hasFailedItems ? { hasFailedItems } : {}) };
  }
  item(frame: string, node: string, index: number): unknown {
    const kept = this.#chunk;
    const inside =
      kept?.frame === frame &&
      kept.node === node &&
      index >= kept.first &&
      index < kept.first + kept.items.length;
    if (!inside) {
      const row = this.#all(
        'SELECT first, items FROM item WHERE frame = ? AND node = ? AND first <= ? ORDER BY first DESC LIMIT 1',
        frame,
        node,
        index,
      )[0]!;
      this.#chunk = {
        frame,
        node,
        first: Number(row.first),
        items: JSON.parse(String(row.items)) as unknown[],
      };
    }
    return this.#chunk!.items[index - this.#chunk!.first];
  }
  /**
   * Frames of a map in the order of its items, from one of them on, as many as a page holds, each with its result: JSON, or null where that
   * is large and stands elsewhere. `status`: only those.
   */
  results(frame: string, node: string, query: { from: number; status?: FrameState['status'] }): ItemResult[] {
    const rows = this.#sql.exec<Row>(
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

  // ---- outputs and spend ----
  /** True when it is so large that it should not stay here. */
  putOutput(frame: string, node: string, output: unknown): boolean {
    return this.#put(frame, node, JSON.stringify(output ?? null), () => output ?? null);
  }
  /** The same for what is JSON already, or stands in a file. */
  putWhole(frame: string, node: string, output: WholeOutput): boolean {
    if ('json' in output)
      return this.#put(frame, node, output.json, () => JSON.parse(output.json) as unknown);
    this.putRef(frame, node, output.ref);
    return false;
  }
  #put(frame: string, node: string, json: string, value: () => unknown): boolean {
    this.#large.delete(`${frame}|${node}`);
    const kept = this.#outputs.get(frame);
    const isSmall = json.length <= PART_CHARS;
    if (kept && isSmall) kept[node] = value();
    this.#exec(
      'UPDATE node SET output = ?, ref = NULL WHERE frame = ? AND node = ?',
      isSmall ? json : null,
      frame,
      node,
    );
    if (isSmall) return false;
    this.#anyLarge = true;
    this.#exec('DELETE FROM part WHERE frame = ? AND node = ?', frame, node);
    for (let part = 0, from = 0; from < json.length; part++) {
      const to = wholeChars(json, from + PART_CHARS);
      this.#exec(
        'INSERT OR REPLACE INTO part (frame, node, part, text) VALUES (?, ?, ?, ?)',
        frame,
        node,
        part,
        json.slice(from, to),
      );
      from = to;
    }
    return json.length > LARGE_CHARS;
  }
  #textOfParts(frame: string, node: string): string | null {
    const parts = this.#all('SELECT text FROM part WHERE frame = ? AND node = ? ORDER BY part', frame, node);
    return parts.length === 0 ? null : parts.map((row) => row.text).join('');
  }
  /** Small outputs of a frame's nodes that have ended, by node id. */
  outputs(frame: string): Record<string, unknown> {
    let outputs = this.#outputs.get(frame);
    if (!outputs) {
      outputs = Object.fromEntries(
        this.#all(
          `SELECT node, output FROM node WHERE frame = ? AND status IN ('succeeded', 'failed') AND output IS NOT NULL`,
          frame,
        ).map((row) => [String(row.node), JSON.parse(String(row.output)) as unknown]),
      );
      this.#outputs.set(frame, outputs);
    }
    return outputs;
  }
  /** Nodes of a frame that have ended with an output too large to be kept at hand, and how large about. */
  largeNodes(frame: string): { id: string; bytes: number }[] {
    this.#anyLarge ??=
      this.#all('SELECT 1 FROM part UNION ALL SELECT 1 FROM node WHERE ref IS NOT NULL LIMIT 1').length > 0;
    if (!this.#anyLarge) return [];
    return this.#all(
      `SELECT n.node, coalesce(n.ref ->> 'bytes', (SELECT sum(length(text)) FROM part p WHERE p.frame = n.frame AND p.node = n.node)) AS bytes
       FROM node n WHERE n.frame = ? AND n.status IN ('succeeded', 'failed') AND n.output IS NULL
         AND (n.ref IS NOT NULL OR EXISTS (SELECT 1 FROM part p WHERE p.frame = n.frame AND p.node = n.node))`,
      frame,
    ).map((row) => ({ id: String(row.node), bytes: Number(row.bytes ?? 0) }));
  }
  /** One output, wherever it stands. */
  async output(frame: string, node: string, read: (key: string) => Promise<unknown>): Promise<unknown> {
    const at = `${frame}|${node}`;
    if (this.#large.has(at)) return this.#large.get(at);
    const whole = this.whole(frame, node);
    if (whole === null) return null;
    const output = 'ref' in whole ? await read(whole.ref.key) : (JSON.parse(whole.json) as unknown);
    if ('json' in whole && whole.json.length <= PART_CHARS) return output;
    if (this.#large.size >= LARGE_KEPT) this.#large.delete(this.#large.keys().next().value!);
    this.#large.set(at, output);
    return output;
  }
  /** The same, not read: its JSON, or the file it stands in; null when it has given nothing. */
  whole(frame: string, node: string): WholeOutput | null {
    const row = this.#all(
      `SELECT output, ref FROM node WHERE frame = ? AND node = ? AND status IN ('succeeded', 'failed')`,
      frame,
      node,
    )[0];
    if (!row) return null;
    if (row.output !== null) return { json: String(row.output) };
    const ref = parse<OutputRef>(row.ref!);
    if (ref) return { ref };
    const json = this.#textOfParts(frame, node);
    return json === null ? null : { json };
  }
  /** The file that a large output stands in; null while it stands here. */
  fileOf(frame: string, node: string): OutputRef | null {
    const row = this.#all('SELECT ref FROM node WHERE frame = ? AND node = ?', frame, node)[0];
    return parse<OutputRef>(row?.ref ?? null);
  }
  /** An output in parts, one after the other. */
  *partsOf(frame: string, node: string): Generator<string> {
    for (let part = 0; ; part++) {
      const row = this.#all(
        'SELECT text FROM part WHERE frame = ? AND node = ? AND part = ?',
        frame,
        node,
        part,
      )[0];
      if (!row) return;
      yield String(row.text);
    }
  }
  /** The text of an output that is to go to R2; null when it is not that large, or has gone. */
  largeText(frame: string, node: string): string | null {
    const row = this.#all(
      'SELECT sum(length(text)) AS chars FROM part WHERE frame = ? AND node = ?',
      frame,
      node,
    )[0];
    return Number(row?.chars ?? 0) > LARGE_CHARS ? this.#textOfParts(frame, node) : null;
  }
  /** Outputs that are to go to R2 and did not get there. */
  largePlaces(limit: number): { frame: string; node: string }[] {
    return this.#all(
      `SELECT frame, node FROM part GROUP BY frame, node HAVING sum(length(text)) > ?
         AND EXISTS (SELECT 1 FROM node n WHERE n.frame = part.frame AND n.node = part.node AND n.output IS NULL) LIMIT ?`,
      LARGE_CHARS,
      limit,
    ).map((row) => ({ frame: String(row.frame), node: String(row.node) }));
  }
  /** It stands in R2, so it need not stand here. */
  putRef(frame: string, node: string, ref: OutputRef): void {
    this.#anyLarge = true;
    this.#large.delete(`${frame}|${node}`);
    delete this.#outputs.get(frame)?.[node];
    this.#exec(
      'UPDATE node SET ref = ?, output = NULL WHERE frame = ? AND node = ?',
      JSON.stringify(ref),
      frame,
      node,
    );
    this.#exec('DELETE FROM part WHERE frame = ? AND node = ?', frame, node);
  }
  addSpend(frame: string, node: string, spend: NodeSpend): void {
    const sums = [spend.inputTokens, spend.outputTokens, spend.costNanoUsd];
    const add =
      'input_tokens = input_tokens + ?, output_tokens = output_tokens + ?, cost_nano_usd = cost_nano_usd + ?';
    this.#exec(`UPDATE node SET ${add} WHERE frame = ? AND node = ?`, ...sums, frame, node);
    this.#exec(`UPDATE run SET ${add}, recorded = 0`, ...sums);
    this.#recorded = false;
  }
  nodeSpend(frame: string, node: string): NodeSpend {
    const row = this.#all(
      'SELECT input_tokens, output_tokens, cost_nano_usd FROM node WHERE frame = ? AND node = ?',
      frame,
      node,
    )[0];
    return {
      inputTokens: Number(row?.input_tokens ?? 0),
      outputTokens: Number(row?.output_tokens ?? 0),
      costNanoUsd: Number(row?.cost_nano_usd ?? 0),
    };
  }
  /** What a frame's nodes have spent and when its first began. */
  frameSpend(frame: string): NodeSpend & { startedMs: number | null } {
    const row = this.#all(
      'SELECT sum(input_tokens) AS i, sum(output_tokens) AS o, sum(cost_nano_usd) AS c, min(started_ms) AS s FROM node WHERE frame = ?',
      frame,
    )[0]!;
    return {
      inputTokens: Number(row.i),
      outputTokens: Number(row.o),
      costNanoUsd: Number(row.c),
      startedMs: row.s === null ? null : Number(row.s),
    };
  }

  // ---- what D1 is still to be told ----
  putStored(output: StoredOutput): void {
    this.#exec('INSERT INTO outbox (output) VALUES (?)', JSON.stringify(output));
  }
  /** The oldest of them, at most `limit` and about one part's size; `more` when others stand behind. */
  stored(limit: number): { rows: { seq: number; output: StoredOutput }[]; more: boolean } {
    const rows: { seq: number; output: StoredOutput }[] = [];
    let chars = 0;
    for (const row of this.#all('SELECT seq, output FROM outbox ORDER BY seq LIMIT ?', limit + 1)) {
      chars += String(row.output).length;
      if (rows.length === limit || (rows.length > 0 && chars > PART_CHARS)) return { rows, more: true };
      rows.push({ seq: Number(row.seq), output: JSON.parse(String(row.output)) as StoredOutput });
    }
    return { rows, more: false };
  }
  forgetStored(upToSeq: number): void {
    this.#exec('DELETE FROM outbox WHERE seq <= ?', upToSeq);
  }

  // ---- what people see ----
  /** Rows of nodes: the top first, then item by item; fewer than asked for when they are large. `after` is the last (item, frame, node) seen. */
  nodeRows(query: { nodeId?: string; limit: number; after?: [number, string, string] }): RowPage {
    const [item, frame, node] = query.after ?? [-2, '', ''];
    const found = this.#sql.exec<Row>(
      `SELECT n.*, f.path, f.status AS frame_status FROM node n JOIN frame f ON f.key = n.frame
       WHERE (n.item, n.frame, n.node) > (?, ?, ?) ${query.nodeId === undefined ? '' : 'AND n.node = ?'}
       ORDER BY n.item, n.frame, n.node LIMIT ?`,
      item,
      frame,
      node,
      ...(query.nodeId === undefined ? [] : [query.nodeId]),
      query.limit + 1,
    );
    const rows: NodeRow[] = [];
    let chars = 0;
    for (const row of found) {
      chars += ((row.output as string | null) ?? '').length;
      if (rows.length === query.limit || (rows.length > 0 && chars > PAGE_CHARS)) return { rows, more: true };
      rows.push(this.#view(row));
    }
    return { rows, more: false };
  }
  /** Nodes of the items of a map after one of them, for a run that takes over; fewer than asked for when they are large. */
  itemNodes(scope: string, after: [string, string], isMap: (nodeId: string) => boolean): EarlierItemNode[] {
    // '@' stands between a scope and a path, and 'A' is what comes after it
    const rows = this.#sql.exec<Row>(
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
        ...(isMap(nodeId) ? this.itemsOf(frame, nodeId) : {}),
      });
      if (chars > LARGE_CHARS) break;
    }
    return nodes;
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
    const row = this.#all(
      `SELECT substr(text, 1, ${PREVIEW_CHARS}) AS text FROM part WHERE frame = ? AND node = ? AND part = 0`,
      frame,
      node,
    )[0];
    return row ? String(row.text) : null;
  }
  questionCount(): number {
    return Number(this.#all(`SELECT count(*) AS n FROM node n WHERE ${ASKS}`)[0]!.n);
  }
  questions(limit: number): NodeView[] {
    return this.#all(
      `SELECT n.*, f.path, f.status AS frame_status FROM node n JOIN frame f ON f.key = n.frame
       WHERE ${ASKS} ORDER BY n.started_ms, n.item LIMIT ?`,
      limit,
    ).map((row) => {
      const { frame: _, ...view } = this.#view(row);
      return view;
    });
  }
  /** When its nodes ran or waited; null when there are more than `limit`. */
  stretches(limit: number): Stretch[] | null {
    const rows = this.#all(
      'SELECT started_ms, ended_ms FROM node WHERE started_ms IS NOT NULL LIMIT ?',
      limit + 1,
    );
    if (rows.length > limit) return null;
    return rows.map((row) => ({ startedMs: Number(row.started_ms), endedMs: row.ended_ms as number | null }));
  }
  counts(): Record<string, Partial<Record<NodeStatus, number>>> {
    const counts: Record<string, Partial<Record<NodeStatus, number>>> = {};
    for (const row of this.#all('SELECT node, status, count(*) AS n FROM node GROUP BY node, status'))
      (counts[String(row.node)] ??= {})[row.status as NodeStatus] = Number(row.n);
    return counts;
  }
}

function nodeOf(row: Row): NodeState {
  return {
    status: row.status as NodeState['status'],
    attempts: Number(row.attempts),
    token: row.token as string | null,
    dueMs: row.due_ms as number | null,
    handle: row.handle as string | null,
    startedMs: row.started_ms as number | null,
    endedMs: row.ended_ms as number | null,
    error: parse(row.error!),
    wait: parse(row.wait!),
  };
}
