/** The builder's state: one workflow being edited. A thin rune shell around the pure operations of this folder. */
import { Autosave, type SaveAnswer, type SaveState } from './autosave.ts';
import {
  handlesOf,
  labelOf,
  nodeById,
  type FlowDefinition,
  type FlowNode,
  type FlowSettings,
  type NodeTypeInfo,
} from './definition.ts';
import * as edit from './edit.ts';
import { childrenOf, downstreamOf, lastNode, outgoing } from './graph.ts';
import { record, redo, startHistory, undo, type History } from './history.ts';
import { localIssues, placeIssues, type FlowIssue } from './issues.ts';
import { tidy } from './layout.ts';
import { starterConfig } from './starter.ts';

export interface EditorDeps {
  /** PUT /api/workflows/:id with the revision this editor knows */
  save: (flow: FlowDefinition, revision: number) => Promise<SavedDraft>;
  now?: () => number;
  setTimer?: (run: () => void, ms: number) => unknown;
  clearTimer?: (timer: unknown) => void;
}

export type SavedDraft =
  | { result: 'saved'; revision: number; issues: { path: string; message: string }[] }
  | { result: 'invalid'; message: string; issues: { path: string; message: string }[] }
  | { result: 'failed'; message: string }
  | { result: 'conflict' };

export interface EditorStart {
  flow: FlowDefinition;
  revision: number;
  issues: { path: string; message: string }[];
  types: readonly NodeTypeInfo[];
  dataSources: readonly { id: string; name: string }[];
}

/** Where the palette puts the next node. */
export type AddTarget = { after: string; handle?: string } | { inside: string } | null;

export class WorkflowEditor {
  readonly types: readonly NodeTypeInfo[];
  #history = $state.raw<History<FlowDefinition>>(
    startHistory({ name: '', nodes: [], edges: [], settings: {} }),
  );
  #selection = $state.raw<ReadonlySet<string>>(new Set());
  #selectedEdges = $state.raw<ReadonlySet<string>>(new Set());
  #save = $state.raw<SaveState>({ state: 'saved', at: null });
  #serverIssues = $state.raw<{ for: FlowDefinition; issues: FlowIssue[] } | null>(null);
  #notice = $state<string | null>(null);
  #dataSources = $state.raw<readonly { id: string; name: string }[]>([]);
  /** the definition as of the last run, to tell what changed since */
  #ran = $state.raw<FlowDefinition | null>(null);
  #clip: edit.Clip | null = null;
  #revision: number;
  #deps: EditorDeps;
  #autosave: Autosave;

  constructor(start: EditorStart, deps: EditorDeps) {
    this.types = start.types;
    this.#dataSources = start.dataSources;
    this.#history = startHistory(start.flow);
    this.#revision = start.revision;
    this.#serverIssues = { for: start.flow, issues: placeIssues(start.flow, start.issues) };
    this.#deps = deps;
    this.#autosave = new Autosave({
      write: () => this.#write(),
      now: deps.now ?? Date.now,
      setTimer: deps.setTimer ?? ((run, ms) => setTimeout(run, ms)),
      clearTimer: deps.clearTimer ?? ((timer) => clearTimeout(timer as number)),
      onChange: (state) => (this.#save = state),
    });
  }

  get flow(): FlowDefinition {
    return this.#history.present;
  }
  get selection(): ReadonlySet<string> {
    return this.#selection;
  }
  get selectedEdges(): ReadonlySet<string> {
    return this.#selectedEdges;
  }
  /** the node the inspector shows: the only selected one */
  get selected(): FlowNode | undefined {
    return this.#selection.size === 1 ? nodeById(this.flow, [...this.#selection][0]!) : undefined;
  }
  get saveState(): SaveState {
    return this.#save;
  }
  get canUndo(): boolean {
    return this.#history.past.length > 0;
  }
  get canRedo(): boolean {
    return this.#history.future.length > 0;
  }
  get dataSources(): readonly { id: string; name: string }[] {
    return this.#dataSources;
  }
  get revision(): number {
    return this.#revision;
  }
  /** why the last gesture did nothing, in a sentence; null when it worked */
  get notice(): string | null {
    return this.#notice;
  }
  /** The server's findings while they are about this very definition, else what the browser can see itself. */
  get issues(): FlowIssue[] {
    const server = this.#serverIssues;
    const local = localIssues(this.flow);
    if (server?.for !== this.flow) return local;
    // both name the field; what is missing there is said better here
    const said = new Map(local.map((issue) => [`${issue.nodeId} ${issue.field}`, issue]));
    return server.issues.map((issue) => said.get(`${issue.nodeId} ${issue.field}`) ?? issue);
  }
  /** Nodes edited since the last run, and everything downstream of them (WB-5). */
  get dirty(): ReadonlySet<string> {
    const ran = this.#ran;
    if (!ran || ran === this.flow) return new Set();
    const changed = this.flow.nodes.filter((node) => {
      const before = nodeById(ran, node.id);
      return !before || before.config !== node.config || before.parentId !== node.parentId;
    });
    return new Set(changed.flatMap((node) => [node.id, ...downstreamOf(this.flow, node.id)]));
  }

  labelOf(node: FlowNode): string {
    return labelOf(node, this.types);
  }
  typeOf(kind: string): NodeTypeInfo | undefined {
    return this.types.find((type) => type.kind === kind);
  }
  dataSourceName(id: string): string | undefined {
    return this.#dataSources.find((source) => source.id === id)?.name;
  }
  setDataSources(sources: readonly { id: string; name: string }[]): void {
    this.#dataSources = sources;
  }
  dismissNotice(): void {
    this.#notice = null;
  }

  select(ids: Iterable<string>): void {
    const next = new Set(ids);
    if (next.size === this.#selection.size && [...next].every((id) => this.#selection.has(id))) return;
    this.#selection = next;
  }
  selectEdges(ids: Iterable<string>): void {
    const next = new Set(ids);
    if (next.size === this.#selectedEdges.size && [...next].every((id) => this.#selectedEdges.has(id)))
      return;
    this.#selectedEdges = next;
  }
  selectAll(): void {
    this.select(this.flow.nodes.map((node) => node.id));
  }

  /** After the selected node, else the last one; into a selected map while it is empty. */
  get addTarget(): AddTarget {
    const node = this.selected ?? lastNode(this.flow);
    if (!node) return null;
    if (node.kind === 'map' && !childrenOf(this.flow, node.id).length) return { inside: node.id };
    return this.#after(node);
  }

  #after(node: FlowNode): { after: string; handle?: string } {
    const handles = handlesOf(node, this.types);
    const used = new Set(outgoing(this.flow, node.id).map((edge) => edge.sourceHandle ?? ''));
    const handle = handles.find((one) => !used.has(one)) ?? handles[0];
    return { after: node.id, ...(handle ? { handle } : {}) };
  }

  /** Adds a node of this kind and selects it; answers its id. */
  add(
    kind: string,
    target: AddTarget | { at: { x: number; y: number }; parentId?: string } = this.addTarget,
  ): string {
    const type = this.typeOf(kind);
    if (!type) throw new Error(`no node kind ${kind}`);
    let place: edit.Place = target ?? { at: { x: 0, y: 0 } };
    if ('after' in place && !place.handle) {
      const node = nodeById(this.flow, place.after);
      if (node) place = this.#after(node);
    }
    if (kind === 'trigger' && !('at' in place)) place = { at: { x: 0, y: 0 } };
    const parentId =
      'inside' in place
        ? place.inside
        : 'after' in place
          ? nodeById(this.flow, place.after)?.parentId
          : place.parentId;
    const beforeId =
      'after' in place ? place.after : this.#lastInside('inside' in place ? place.inside : undefined);
    const before = beforeId ? nodeById(this.flow, beforeId) : undefined;
    const config = starterConfig(type, {
      flow: this.flow,
      before,
      inMap: parentId !== undefined,
      dataSources: this.#dataSources,
    });
    const added = edit.addNode(this.flow, { kind, config }, place);
    this.#change(added.flow);
    this.select([added.id]);
    return added.id;
  }

  #lastInside(mapId: string | undefined): string | undefined {
    if (!mapId) return undefined;
    const body = childrenOf(this.flow, mapId);
    return body.filter((node) => !outgoing(this.flow, node.id).length).at(-1)?.id;
  }

  /** Draws an edge; refuses with a notice what would be a loop or cross a map's border. */
  connect(edge: { source: string; sourceHandle?: string; target: string }): boolean {
    const joined = edit.connect(this.flow, edge);
    this.#notice = joined.refused;
    if (joined.refused === null) this.#change(joined.flow);
    return joined.refused === null;
  }
  /** Connects by the outline: on the first free output of the source. */
  connectNodes(source: string, target: string): boolean {
    const node = nodeById(this.flow, source);
    const handle = node && this.#after(node).handle;
    return this.connect({ source, ...(handle ? { sourceHandle: handle } : {}), target });
  }

  remove(ids: Iterable<string>): void {
    const doomed = [...ids];
    if (!doomed.length) return;
    this.#change(edit.removeNodes(this.flow, doomed));
    this.#selection = new Set([...this.#selection].filter((id) => nodeById(this.flow, id)));
  }
  removeEdges(ids: Iterable<string>): void {
    this.#change(edit.removeEdges(this.flow, ids));
    this.#selectedEdges = new Set();
  }
  removeSelected(): void {
    let flow = this.flow;
    if (this.#selectedEdges.size) flow = edit.removeEdges(flow, this.#selectedEdges);
    if (this.#selection.size) flow = edit.removeNodes(flow, this.#selection);
    this.#change(flow);
    this.#selection = new Set();
    this.#selectedEdges = new Set();
  }

  setConfig(id: string, patch: Record<string, unknown>): void {
    this.#change(edit.setConfig(this.flow, id, patch), `config ${id} ${Object.keys(patch).join()}`);
  }
  setCases(id: string, cases: Parameters<typeof edit.setCases>[2]): void {
    this.#change(edit.setCases(this.flow, id, cases), `cases ${id} ${cases.length}`);
  }
  setNode(id: string, patch: Parameters<typeof edit.setNode>[2]): void {
    this.#change(edit.setNode(this.flow, id, patch), `node ${id} ${Object.keys(patch).join()}`);
  }
  setSettings(patch: Partial<FlowSettings>): void {
    this.#change(edit.setSettings(this.flow, patch), `settings ${Object.keys(patch).join()}`);
  }
  rename(name: string): void {
    if (name.trim() && name !== this.flow.name) this.#change({ ...this.flow, name }, 'name');
  }
  move(places: ReadonlyMap<string, { x: number; y: number }>, key: string | null = null): void {
    const moved = edit.moveNodes(this.flow, places);
    if (moved.nodes.some((node, at) => node !== this.flow.nodes[at])) this.#change(moved, key);
  }
  nudge(dx: number, dy: number): void {
    const chosen = this.flow.nodes.filter(
      (node) => this.#selection.has(node.id) && !(node.parentId && this.#selection.has(node.parentId)),
    );
    const places = new Map(
      chosen.map(({ id, position }) => [id, { x: position.x + dx, y: position.y + dy }]),
    );
    this.move(places, 'nudge');
  }
  setParent(id: string, parentId: string | undefined): void {
    this.#change(edit.setParent(this.flow, id, parentId));
  }
  tidy(): void {
    this.#change(tidy(this.flow));
  }

  copy(): void {
    if (this.#selection.size) this.#clip = edit.copy(this.flow, this.#selection);
  }
  paste(): void {
    if (this.#clip) this.#insert(this.#clip);
  }
  duplicate(): void {
    if (this.#selection.size) this.#insert(edit.copy(this.flow, this.#selection));
  }
  #insert(clip: edit.Clip): void {
    if (!clip.nodes.length) return;
    const pasted = edit.paste(this.flow, clip);
    this.#change(pasted.flow);
    this.select(pasted.ids);
  }

  undo(): void {
    this.#travel(undo(this.#history));
  }
  redo(): void {
    this.#travel(redo(this.#history));
  }
  #travel(history: History<FlowDefinition>): void {
    if (history === this.#history) return;
    this.#history = history;
    this.#selection = new Set([...this.#selection].filter((id) => nodeById(this.flow, id)));
    this.#autosave.touch();
  }

  /** Saves now; true when the server has everything. */
  save(): Promise<boolean> {
    return this.#autosave.flush();
  }
  /** The draft that runs now; later edits are measured against it. */
  markRan(): void {
    this.#ran = this.flow;
  }
  /** Problems a refused publish or trigger named. */
  showIssues(issues: { path: string; message: string }[]): void {
    this.#serverIssues = { for: this.flow, issues: placeIssues(this.flow, issues) };
  }
  /** After a conflict: keep mine (write over theirs) or take theirs. */
  resolveConflict(theirs: { flow: FlowDefinition; revision: number }, keep: 'mine' | 'theirs'): void {
    this.#revision = theirs.revision;
    if (keep === 'theirs') this.#history = record(this.#history, theirs.flow, { now: 0 });
    this.#autosave.resolved({ dirty: keep === 'mine' });
    if (keep === 'mine') void this.#autosave.flush();
  }
  /** The server made the draft something else, and it is saved there already; undo goes back to what it was. */
  takeOver({ flow, revision, issues }: Pick<EditorStart, 'flow' | 'revision' | 'issues'>): void {
    this.#revision = revision;
    this.#notice = null;
    this.#history = record(this.#history, flow, { now: 0 });
    this.#serverIssues = { for: flow, issues: placeIssues(flow, issues) };
    this.#selection = new Set([...this.#selection].filter((id) => nodeById(flow, id)));
    this.#autosave.resolved({ dirty: false });
  }
  stop(): void {
    this.#autosave.stop();
  }

  #change(next: FlowDefinition, key: string | null = null): void {
    if (next === this.flow) return;
    this.#notice = null;
    this.#history = record(this.#history, next, { key, now: (this.#deps.now ?? Date.now)() });
    this.#autosave.touch();
  }

  async #write(): Promise<SaveAnswer> {
    const flow = this.flow;
    const saved = await this.#deps.save(flow, this.#revision);
    if (saved.result === 'saved') this.#revision = saved.revision;
    if (saved.result === 'saved' || saved.result === 'invalid')
      this.#serverIssues = { for: flow, issues: placeIssues(flow, saved.issues) };
    if (saved.result === 'invalid') return { result: 'failed', message: saved.message, retry: false };
    return saved.result === 'failed' ? { ...saved, retry: true } : saved;
  }
}
