/** What the state machine keeps of a run, as rows: how the run stands, its frames and their nodes, its maps. What was read or written lately is at hand. */
import type {
  FrameState,
  MapState,
  NodeState,
  NodeStatus,
  NodeWait,
  ProgressState,
  RunState,
} from '../../worker/domain/workflow/state.ts';
import type { KeptItemsStore } from './kept-items.store.ts';
import type { OutboxStore } from './outbox.store.ts';
import type { OutputsStore } from './outputs.store.ts';
import type { Standing } from './standing.ts';
import type { StepsStore } from './steps.store.ts';
import { parse, type Place, type Row, type Tables } from './tables.ts';

const LIVE_FRAMES = 1_000;

const text = (value: unknown): string | null =>
  value === null || value === undefined ? null : JSON.stringify(value);
const placeOf = (row: Row): Place => ({ frame: String(row.frame), node: String(row.node) });

/** The parts of a run that change with its state. */
interface Beside {
  kept: KeptItemsStore;
  outputs: OutputsStore;
  outbox: OutboxStore;
  steps: StepsStore;
}

/** Is there a node that runs, and is no map that only waits for its items? Asked after every event, so one is answer enough. */
const RUNNING = `SELECT 1 FROM node n LEFT JOIN map m USING (frame, node)
  WHERE n.status IN ('queued', 'running', 'waiting') AND n.status = 'running' AND m.total IS NULL LIMIT 1`;
/** Nodes that wait, and maps all of whose items have ended. */
const STANDING_STILL = `SELECT n.status, n.wait FROM node n LEFT JOIN map m USING (frame, node)
  WHERE n.status IN ('queued', 'running', 'waiting')
    AND (n.status = 'waiting' OR (n.status = 'running' AND m.active = 0 AND m.next >= m.total))`;

export class StateStore implements ProgressState {
  readonly #tables: Tables;
  readonly #kept: KeptItemsStore;
  readonly #outputs: OutputsStore;
  readonly #outbox: OutboxStore;
  readonly #standing: Standing;
  #run: RunState | undefined;
  readonly #frames = new Map<string, FrameState>();
  readonly #maps = new Map<string, MapState | null>();

  constructor(tables: Tables, { kept, outputs, outbox, steps }: Beside) {
    this.#tables = tables;
    this.#kept = kept;
    this.#outputs = outputs;
    this.#outbox = outbox;
    this.#standing = steps.standing;
  }
  forget(): void {
    this.#run = undefined;
    this.#frames.clear();
    this.#maps.clear();
  }

  // ---- the run ----
  run(): RunState {
    return (this.#run ??= parse<RunState>(this.#tables.first('SELECT state FROM run')!.state!)!);
  }
  putRun(run: RunState): void {
    this.#run = run;
    this.#tables.exec('UPDATE run SET state = ?, recorded = 0', JSON.stringify(run));
    this.#outbox.changed();
  }

  // ---- frames and nodes ----
  frame(key: string): FrameState {
    const known = this.#frames.get(key);
    if (known) return known;
    const row = this.#tables.first('SELECT * FROM frame WHERE key = ?', key);
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
        this.#tables
          .all('SELECT * FROM node WHERE frame = ?', key)
          .map((node) => [String(node.node), nodeOf(node)]),
      ),
    };
    this.#keep(frame);
    return frame;
  }
  hasFrame(key: string): boolean {
    return (
      this.#frames.has(key) || this.#tables.first('SELECT 1 FROM frame WHERE key = ?', key) !== undefined
    );
  }
  #keep(frame: FrameState): void {
    if (this.#frames.size >= LIVE_FRAMES)
      for (const [key] of this.#frames)
        if (key !== '') {
          this.#drop(key);
          break;
        }
    this.#frames.set(frame.key, frame);
    this.#standing.frameIsThere(frame);
  }
  #drop(key: string): void {
    this.#frames.delete(key);
    this.#standing.frameIsGone(key);
  }
  putFrame(frame: FrameState): void {
    this.#tables.exec(
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
    if (frame.status === 'running') {
      this.#keep(frame);
      if (frame.nodes.size === 0) this.#outputs.frameBegins(frame.key);
    } else if (frame.key !== '') {
      this.#drop(frame.key);
      this.#outputs.frameEnded(frame.key);
    }
  }
  putNode(frame: FrameState, nodeId: string, node: NodeState): void {
    this.#tables.exec(
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
    this.#standing.moved(frame.key, nodeId, node);
  }
  nodesIn(...statuses: NodeStatus[]): Place[] {
    const marks = statuses.map(() => '?').join(', ');
    return this.#tables
      .all(
        `SELECT frame, node FROM node WHERE status IN ('queued', 'running', 'waiting') AND status IN (${marks}) ORDER BY item, frame`,
        ...statuses,
      )
      .map(placeOf);
  }
  minDueMs(): number | null {
    const due = this.#tables.first('SELECT min(due_ms) AS due FROM node WHERE due_ms IS NOT NULL')!.due!;
    return due === null ? null : Number(due);
  }

  // ---- maps ----
  map(frame: string, node: string): MapState | null {
    const key = `${frame}|${node}`;
    let map = this.#maps.get(key);
    if (map === undefined) {
      const row = this.#tables.first('SELECT * FROM map WHERE frame = ? AND node = ?', frame, node);
      map = row
        ? {
            total: Number(row.total),
            next: Number(row.next),
            active: Number(row.active),
            concurrency: Number(row.concurrency),
            onItemError: row.on_item_error as MapState['onItemError'],
            ...(this.#kept.resumes(frame, node) ? { resumes: true } : {}),
          }
        : null;
      this.#maps.set(key, map);
    }
    return map;
  }
  putMap(frame: string, node: string, map: MapState): void {
    const key = `${frame}|${node}`;
    if (map.resumes && !this.#maps.get(key)?.resumes) this.#kept.resume(frame, node);
    this.#maps.set(key, map);
    this.#tables.exec(
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
    return this.#tables
      .all(
        `SELECT key FROM frame WHERE parent = ? AND scope = ? AND status = 'running' ORDER BY item`,
        parent,
        scope,
      )
      .map((row) => String(row.key));
  }
  openMaps(): Place[] {
    return this.#tables
      .all(
        `SELECT map.frame, map.node FROM map JOIN node USING (frame, node) WHERE map.next < map.total AND node.status = 'running'`,
      )
      .map(placeOf);
  }
  isInDoubt(parent: string, scope: string): boolean {
    const one = `SELECT 1 FROM frame WHERE parent = ? AND scope = ? AND status = 'needs_review' LIMIT 1`;
    return this.#tables.first(one, parent, scope) !== undefined;
  }
  motion() {
    if (this.#tables.first(RUNNING)) return { running: true, handling: false, waits: [] };
    const waits: NodeWait['for'][] = [];
    let gathers = false;
    for (const row of this.#tables.all(STANDING_STILL))
      if (row.status === 'waiting') waits.push(parse<NodeWait>(row.wait!)?.for ?? 'retry');
      else gathers = true;
    return { running: false, handling: gathers || this.#kept.isTakingOver(), waits };
  }
  takeOver(frame: FrameState, nowMs: number): void {
    this.#kept.takeOver(frame, nowMs);
    this.#standing.rowsCame(frame);
    this.#outputs.frameEnded(frame.key);
  }
}

export function nodeOf(row: Row): NodeState {
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
