/** A run in memory and everything that is under way outside it: for tests of the state machine. Rows are kept as text, as the real ones are. */
import type { NodeFailure, NodeType } from '../worker/domain/contracts/node.ts';
import { definitionSchema, type DefinitionInput } from '../worker/domain/workflow/definition.ts';
import { planOf, TOP } from '../worker/domain/workflow/plan.ts';
import { Progress, type Command } from '../worker/domain/workflow/progress.ts';
import {
  keptNode,
  type FrameState,
  type MapState,
  type NodeState,
  type NodeStatus,
  type NodeWait,
  type ProgressState,
  type RunState,
} from '../worker/domain/workflow/state.ts';

export class Lost extends Error {}

/** Rows as text, and what is remembered of them. A transaction that is lost leaves the rows as they were and memory empty. */
export class Memory implements ProgressState {
  rows = new Map<string, string>();
  #cache = new Map<string, unknown>();
  /** the transaction is lost at its so-manieth write; null = at none */
  loseAtWrite: number | null = null;
  writes = 0;

  transaction<T>(change: () => T): T {
    const before = new Map(this.rows);
    this.writes = 0;
    try {
      return change();
    } catch (error) {
      this.rows = before;
      this.forget();
      throw error;
    } finally {
      this.loseAtWrite = null;
    }
  }
  /** As after a restart: only the rows are left. */
  forget = () => this.#cache.clear();
  #write(key: string, value: unknown): void {
    if (this.loseAtWrite !== null && this.writes === this.loseAtWrite) throw new Lost('lost');
    this.writes++;
    this.rows.set(key, JSON.stringify(value));
  }
  #read<T>(key: string): T | undefined {
    if (!this.#cache.has(key)) {
      const row = this.rows.get(key);
      this.#cache.set(key, row === undefined ? undefined : JSON.parse(row));
    }
    return this.#cache.get(key) as T | undefined;
  }
  #keys = (kind: string) => [...this.rows.keys()].filter((key) => key.startsWith(`${kind}|`));

  run = () => this.#read<RunState>('run')!;
  putRun(run: RunState): void {
    this.#cache.set('run', run);
    this.#write('run', run);
  }
  frame(key: string): FrameState {
    const kept = this.#cache.get(`frame|${key}`) as FrameState | undefined;
    if (kept) return kept;
    const row = this.rows.get(`frame|${key}`);
    if (row === undefined) return undefined as unknown as FrameState;
    const frame = { ...(JSON.parse(row) as FrameState), nodes: new Map<string, NodeState>() };
    for (const at of this.#keys('node')) {
      const [, of, id] = at.split('|') as [string, string, string];
      if (of === key) frame.nodes.set(id, JSON.parse(this.rows.get(at)!) as NodeState);
    }
    this.#cache.set(`frame|${key}`, frame);
    return frame;
  }
  putFrame(frame: FrameState): void {
    this.#cache.set(`frame|${frame.key}`, frame);
    this.#write(`frame|${frame.key}`, { ...frame, nodes: undefined });
  }
  putNode(frame: FrameState, nodeId: string, node: NodeState): void {
    this.#write(`node|${frame.key}|${nodeId}`, node);
  }
  map = (frame: string, node: string) => this.#read<MapState>(`map|${frame}|${node}`) ?? null;
  putMap(frame: string, node: string, map: MapState): void {
    this.#cache.set(`map|${frame}|${node}`, map);
    this.#write(`map|${frame}|${node}`, map);
  }
  nodes(): { frame: string; node: string; state: NodeState }[] {
    return this.#keys('node').map((key) => {
      const [, frame, node] = key.split('|') as [string, string, string];
      return { frame, node, state: JSON.parse(this.rows.get(key)!) as NodeState };
    });
  }
  frames = () => this.#keys('frame').map((key) => this.frame(key.slice('frame|'.length)));
  nodesIn = (...statuses: NodeStatus[]) =>
    this.nodes()
      .filter(({ state }) => statuses.includes(state.status))
      .map(({ frame, node }) => ({ frame, node }));
  openFrames = (parent: string, scope: string) =>
    this.frames()
      .filter((f) => f.parent === parent && f.scope === scope && f.status === 'running')
      .map((f) => f.key);
  openMaps = () =>
    this.#keys('map')
      .map((key) => key.split('|') as [string, string, string])
      .map(([, frame, node]) => ({ frame, node, map: this.map(frame, node)! }))
      .filter(
        ({ frame, node, map }) =>
          map.next < map.total && this.frame(frame).nodes.get(node)?.status === 'running',
      );
  isInDoubt = (frame: string, node: string) =>
    this.frames().some((f) => f.parent === frame && f.scope === node && f.status === 'needs_review');
  motion() {
    const nodes = this.nodes();
    const running = nodes.filter(({ state }) => state.status === 'running');
    return {
      running: running.some(({ frame, node }) => !this.map(frame, node)),
      handling: running.some(({ frame, node }) => {
        const map = this.map(frame, node);
        return map?.active === 0 && (map.resumes === true || map.next >= map.total);
      }),
      waits: nodes.flatMap(({ state }) =>
        state.status === 'waiting' ? [state.wait?.for ?? ('retry' as NodeWait['for'])] : [],
      ),
    };
  }
  /** what an earlier run gave in items of maps */
  keep = (frame: string, node: string, handle: string | null) =>
    this.rows.set(`kept|${frame}|${node}`, JSON.stringify(handle));
  takeOver(frame: FrameState, nowMs: number): void {
    for (const key of this.#keys('kept').filter((one) => one.startsWith(`kept|${frame.key}|`))) {
      const node = keptNode(JSON.parse(this.rows.get(key)!) as string | null, nowMs);
      const id = key.slice(`kept|${frame.key}|`.length);
      frame.nodes.set(id, node);
      this.putNode(frame, id, node);
    }
  }
  minDueMs = () => {
    const due = this.nodes().flatMap(({ state }) => state.dueMs ?? []);
    return due.length > 0 ? Math.min(...due) : null;
  };
}

const kind = (more: Partial<NodeType>) =>
  ({
    handles: [],
    idempotent: true,
    paid: false,
    execution: 'io',
    category: 'logic',
    ...more,
  }) as unknown as NodeType;

/** Kinds as the machine sees them: what may run twice, what decides, what waits, what joins early. */
export const KINDS = new Map<string, NodeType>([
  ['trigger', kind({ category: 'trigger', execution: 'inline' })],
  ['safe', kind({})],
  ['once', kind({ idempotent: false })],
  ['asks', kind({ ignoresInput: () => true })],
  ['if', kind({ handles: ['true', 'false'], execution: 'inline' })],
  ['any', kind({ execution: 'inline', joinsAny: () => true })],
  ['delay', kind({ execution: 'wait' })],
  ['approval', kind({ execution: 'wait', handles: ['approved', 'rejected', 'expired'] })],
  ['child', kind({ execution: 'wait' })],
  ['map', kind({ execution: 'scope' })],
]);

type Run = Extract<Command, { do: 'run' }>;

/** The run with what the world outside does: attempts in flight, what was aborted, slots asked for and given back. */
export class World {
  state = new Memory();
  progress: Progress;
  nowMs = 0;
  inFlight: Run[] = [];
  aborted: string[] = [];
  ends = 0;
  begun: string[] = [];
  taken = new Map<string, number>();
  acquires = 0;
  releases = 0;
  /** times that a map went on taking over items of an earlier run */
  mores = 0;
  looks: Extract<Command, { do: 'look' }>[] = [];
  cancelledChildren: string[] = [];
  /** commands of the next event are lost, as when the server dies right after its commit */
  loseCommands = false;
  #tokens = 0;

  constructor(nodes: object[], edges: object[], settings: object = {}) {
    const definition = definitionSchema.parse({ name: 'w', nodes, edges, settings } as DefinitionInput);
    this.progress = this.#machine(planOf(definition, KINDS));
  }
  #machine = (plan: Progress['plan']) =>
    new Progress(plan, this.state, { token: () => `t${++this.#tokens}`, dice: () => 0.5 });

  start = (options: Parameters<Progress['start']>[1] = {}) =>
    this.do(() => this.progress.start(this.nowMs, options));
  /** One event as one transaction. False = it came too late. */
  do(event: () => Command[] | null): boolean {
    const commands = this.state.transaction(() => {
      const answered = event();
      if (answered === null) return null;
      // what a map's items gave is gathered in the same transaction
      const all: Command[] = [];
      const rest = [...answered];
      for (let command = rest.shift(); command; command = rest.shift()) {
        if (command.do !== 'gather') all.push(command);
        else {
          this.gathered(command);
          rest.unshift(...(this.progress.finished(this.nowMs, command, null) ?? []));
        }
      }
      return all;
    });
    if (commands === null) return false;
    if (this.loseCommands) return true;
    for (const command of commands) {
      if (command.do === 'run') {
        this.inFlight.push(command);
        this.begun.push(`${command.frame}/${command.node}`);
        this.begins(command);
      } else if (command.do === 'abort') this.aborted.push(command.token);
      else if (command.do === 'end') this.ends++;
      else if (command.do === 'acquire') this.acquires++;
      else if (command.do === 'release') this.releases++;
      else if (command.do === 'look') this.looks.push(command);
      else if (command.do === 'more') {
        const { frame, node: id } = command;
        this.mores++;
        this.do(() => this.progress.more(this.nowMs, { frame, node: id }));
      } else if (command.do === 'cancel_child') this.cancelledChildren.push(command.executionId);
    }
    return true;
  }
  /** for tests that look at what begins and what is gathered */
  begins: (run: Run) => void = () => {};
  gathered: (map: { frame: string; node: string }) => void = () => {};

  take = (node: string) => {
    const at = this.inFlight.findIndex((run) => `${run.frame}/${run.node}` === node || run.node === node);
    if (at < 0)
      throw new Error(
        `${node} does not run; in flight: ${this.inFlight.map((r) => `${r.frame}/${r.node}`).join(' ')}`,
      );
    return this.inFlight.splice(at, 1)[0]!;
  };
  succeed(run: { frame: string; node: string; token: string }, handle: string | null = null): boolean {
    const isIf = this.kindOf(run.node) === 'if';
    const took = this.do(() => this.progress.finished(this.nowMs, run, handle ?? (isIf ? 'true' : null)));
    if (took) this.count(run);
    return took;
  }
  count({ frame, node }: { frame: string; node: string }): void {
    const key = `${frame}/${node}`;
    this.taken.set(key, (this.taken.get(key) ?? 0) + 1);
  }
  fail = (run: Run, failure: { reason: string } & Record<string, unknown>) =>
    this.do(() => this.progress.failed(this.nowMs, run, { message: 'no', ...failure } as NodeFailure));
  expand = (run: Run, total: number, more: object = {}) =>
    this.do(() => this.progress.expanded(this.nowMs, run, { total, ...more }));
  wait = (run: Run, wait: NodeWait, dueMs: number | null) =>
    this.do(() => this.progress.waits(this.nowMs, run, wait, dueMs));
  settle = (
    at: { frame: string; node: string; for: NodeWait['for'] },
    outcome: Parameters<Progress['settled']>[2],
  ): boolean => {
    const took = this.do(() => this.progress.settled(this.nowMs, at, outcome));
    if (took && 'handle' in outcome) this.count(at);
    return took;
  };
  decide = (node: string, decision: 'done' | 'retry', frame: string = TOP) =>
    this.do(() => this.progress.decided(this.nowMs, { frame, node }, decision));
  tick = (toMs: number) => this.do(() => this.progress.tick((this.nowMs = toMs)));
  /** The server is lost and comes back: nothing is in flight, nothing is remembered but the rows. */
  crash() {
    this.inFlight = [];
    this.state.forget();
    this.progress = this.#machine(this.progress.plan);
    if (this.state.rows.has('run')) this.do(() => this.progress.recover(this.nowMs, () => false));
  }
  kindOf = (node: string) => this.progress.plan.nodes.get(node)!.node.kind;
  statusOf = (node: string, frame: string = TOP) =>
    this.state.frame(frame).nodes.get(node)?.status ?? 'pending';
  get status() {
    return this.state.run().status;
  }
}

export const node = (id: string, of = 'safe', more: object = {}) => ({ id, kind: of, ...more });
export const edge = (source: string, target: string, sourceHandle?: string) => ({
  id: `${source}${sourceHandle ?? ''}${target}`,
  source,
  target,
  ...(sourceHandle === undefined ? {} : { sourceHandle }),
});
export const start = node('start', 'trigger');
export const overBudget = {
  reason: 'over_budget',
  refusal: {
    reason: 'budget_exceeded',
    budgetId: 'b',
    scope: { type: 'execution' },
    limitNanoUsd: 1,
    spentNanoUsd: 1,
    heldNanoUsd: 0,
    askedNanoUsd: 1,
    resetsAt: null,
  },
};
