/** Running and publishing the workflow that stands in the editor: what is under way, what went wrong, the run that is watched. */
import { call, type ApiProblem } from '$lib/api.ts';
import type { WorkflowEditor } from '$lib/flow/editor.svelte.ts';
import type { Execution } from '$lib/flow/execution.ts';
import { ExecutionWatch } from '$lib/flow/execution/watch.svelte.ts';
import { definitionOf, type WorkflowAnswer } from './workflow-answer.ts';

interface Around {
  id: string;
  publishedVersion: number | null;
  unpublishedChanges: boolean;
  editor: WorkflowEditor;
  /** who may not write runs the draft as it is stored */
  mayWrite: () => boolean;
  mayRun: () => boolean;
  onstarted: () => void;
}

export class BuilderRuns {
  watch = $state.raw<ExecutionWatch | null>(null);
  busy = $state<'run' | 'publish' | `from ${string}` | null>(null);
  /** the run that is looked at was begun elsewhere: its results were brought here */
  loaded = $state(false);
  problem = $state.raw<{ title: string; problem: ApiProblem } | null>(null);
  /** the list of what keeps the draft from running is open */
  issuesShown = $state(false);
  #published = $state<number | null>(null);
  /** what is published, as far as the draft was ever it on this page */
  #publishedFlow = $state.raw<unknown>(null);
  readonly #around: Around;

  constructor(around: Around) {
    this.#around = around;
    this.#published = around.publishedVersion;
    if (!around.unpublishedChanges) this.#publishedFlow = around.editor.flow;
  }

  get published(): number | null {
    return this.#published;
  }
  /** the draft is another one than the published version */
  get unpublished(): boolean {
    return this.#published !== null && this.#publishedFlow !== this.#around.editor.flow;
  }

  follow(executionId: string, known: Execution | null = null) {
    this.watch?.stop();
    this.watch = new ExecutionWatch(executionId, known);
    if (known) this.loaded = true;
  }
  /** the step a run is being begun from */
  get busyFrom(): string | null {
    return this.busy?.startsWith('from ') ? this.busy.slice('from '.length) : null;
  }
  stop() {
    this.watch?.stop();
  }

  /** Saves the draft and runs it; what is still wrong with it is listed instead. */
  run(input?: unknown): Promise<void> {
    return this.#begin(`/api/workflows/${this.#around.id}/trigger`, 'run', {
      version: 'draft',
      ...(input === undefined ? {} : { input }),
    });
  }

  /** Saves the draft and runs it from one step on: what the run that is looked at has stands in for the steps before. */
  async runFrom(nodeId: string): Promise<void> {
    if (this.watch)
      await this.#begin(`/api/executions/${this.watch.id}/replay`, `from ${nodeId}`, {
        version: 'draft',
        fromNodeId: nodeId,
      });
  }

  async #begin(path: string, busyWith: NonNullable<typeof this.busy>, json: object) {
    const { editor, mayWrite, mayRun, onstarted } = this.#around;
    this.problem = null;
    if (this.busy || !mayRun()) return;
    this.busy = busyWith;
    try {
      if (mayWrite() && !(await editor.save()) && editor.saveState.state !== 'saved') {
        if (editor.issues.length) this.issuesShown = true;
        return;
      }
      if (editor.issues.length) {
        this.issuesShown = true;
        return;
      }
      editor.markRan();
      const answer = await call<{ executionId: string }>(path, {
        method: 'POST',
        json,
        idempotencyKey: crypto.randomUUID(),
      });
      if (!answer.ok) return this.#tell('The run was not started', answer.problem);
      this.loaded = false;
      this.follow(answer.data.executionId);
      onstarted();
    } finally {
      this.busy = null;
    }
  }

  async publish() {
    const { id, editor } = this.#around;
    this.problem = null;
    this.busy = 'publish';
    try {
      if (!(await editor.save()) || editor.issues.length) {
        this.issuesShown = editor.issues.length > 0;
        return;
      }
      const flow = editor.flow;
      const answer = await call<{ version: number }>(`/api/workflows/${id}/publish`, {
        method: 'POST',
        json: {},
      });
      if (!answer.ok) return this.#tell('It was not published', answer.problem);
      this.#published = answer.data.version;
      this.#publishedFlow = flow;
    } finally {
      this.busy = null;
    }
  }

  /** Makes the draft what a version was; what was there can be brought back with Undo. */
  async restore(version: number): Promise<ApiProblem | null> {
    const { id, editor } = this.#around;
    await editor.save();
    const answer = await call<WorkflowAnswer>(`/api/workflows/${id}/versions/${version}/restore`, {
      method: 'POST',
      json: { draftRevision: editor.revision },
    });
    if (!answer.ok) return answer.problem;
    editor.takeOver({
      flow: definitionOf(answer.data),
      revision: answer.data.draftRevision,
      issues: answer.data.problems,
    });
    // the same as what is in use, when it is that version
    if (version === this.#published) this.#publishedFlow = editor.flow;
    return null;
  }

  /** Somebody else saved meanwhile: keeps this draft over theirs, or theirs over this. */
  async resolveConflict(keep: 'mine' | 'theirs') {
    const { id, editor } = this.#around;
    const answer = await call<WorkflowAnswer>(`/api/workflows/${id}`);
    if (!answer.ok) this.#tell('The newer draft could not be loaded', answer.problem);
    else
      editor.resolveConflict({ flow: definitionOf(answer.data), revision: answer.data.draftRevision }, keep);
  }

  /** Issues have places in the draft; anything else is told as it is. */
  #tell(title: string, problem: ApiProblem) {
    if (problem.issues.length === 0) return void (this.problem = { title, problem });
    this.#around.editor.showIssues(problem.issues);
    this.issuesShown = true;
  }
}
