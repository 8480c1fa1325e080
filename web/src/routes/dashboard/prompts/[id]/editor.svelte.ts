/** The state of one prompt's editor and playground: what is typed, the values of its variables, the run under way. */
import { call, problemOf, send, unreachable, type ApiProblem } from '$lib/api.ts';
import {
  contentOf,
  draftOf,
  filled,
  keptOf,
  sameDraft,
  schemaOf,
  variablesIn,
  type Draft,
  type Kept,
} from '$lib/prompt/content.ts';
import { problemIn, readRunStream } from '$lib/prompt/run-stream.ts';
import type { OpenPrompt, PromptContent, PromptVersion, RunAnswer } from '$lib/shapes.ts';

export type RunState = 'idle' | 'running' | 'succeeded' | 'failed' | 'cancelled';

export class PromptEditor {
  draft = $state<Draft>({
    system: '',
    prompt: '',
    model: '',
    temperature: '',
    maxTokens: '',
    responseSchema: '',
  });
  values = $state<Record<string, string>>({});
  /** the version on screen */
  version = $state(0);
  output = $state('');
  run = $state<RunState>('idle');
  answer = $state.raw<RunAnswer | null>(null);
  problem = $state.raw<ApiProblem | null>(null);
  saving = $state(false);
  saveProblem = $state.raw<ApiProblem | null>(null);

  #saved = $state.raw<Draft>(this.draft);
  #kept = $state.raw<Kept>({});
  #stop: AbortController | null = null;
  readonly #promptId: string;
  readonly #onversion: (version: PromptVersion) => void;

  constructor(prompt: OpenPrompt, onversion: (version: PromptVersion) => void) {
    this.#promptId = prompt.id;
    this.#onversion = onversion;
    this.open(prompt.version, prompt.content);
  }

  open(version: number, content: PromptContent) {
    this.draft = draftOf(content);
    this.#saved = draftOf(content);
    this.#kept = keptOf(content);
    this.version = version;
    this.saveProblem = null;
  }

  variables = $derived(
    variablesIn(
      this.draft.system,
      ...(this.#kept.messages ?? []).map(({ content }) => content),
      this.draft.prompt,
    ),
  );
  /** values whose variable is gone from the text: kept */
  unused = $derived(
    Object.keys(this.values).filter((name) => this.values[name] && !this.variables.includes(name)),
  );
  missing = $derived(this.variables.filter((name) => !this.values[name]?.trim()));
  dirty = $derived(!sameDraft(this.draft, this.#saved));
  checked = $derived(contentOf(this.draft, this.#kept));
  faults = $derived(this.checked.ok ? {} : this.checked.faults);
  messages = $derived([
    ...(this.draft.system.trim()
      ? [{ role: 'system', content: filled(this.draft.system, this.values) }]
      : []),
    ...(this.#kept.messages ?? []).map(({ role, content }) => ({
      role,
      content: filled(content, this.values),
    })),
    ...(this.draft.prompt.trim() ? [{ role: 'user', content: filled(this.draft.prompt, this.values) }] : []),
  ]);
  maxTokens = $derived(/^\d+$/.test(this.draft.maxTokens.trim()) ? Number(this.draft.maxTokens) : null);
  schema = $derived.by(() => {
    const schema = schemaOf(this.draft.responseSchema);
    return schema.ok ? schema.value : null;
  });

  /** Saves what is typed as the next version. False when it could not be. */
  async save(note = ''): Promise<boolean> {
    if (!this.checked.ok || this.saving) return false;
    this.saving = true;
    const sent = { ...this.draft };
    const answer = await call<PromptVersion>(`/api/prompts/${this.#promptId}/versions`, {
      method: 'POST',
      json: { content: this.checked.content, ...(note ? { note } : {}) },
    });
    this.saving = false;
    this.saveProblem = answer.ok ? null : answer.problem;
    if (!answer.ok) return false;
    this.#saved = sent;
    this.version = answer.data.version;
    this.#onversion(answer.data);
    return true;
  }

  /** Runs the version on screen; what is typed and not saved becomes a version first. */
  async start() {
    if (this.run === 'running') return;
    this.problem = null;
    if (this.dirty && !(await this.save('Saved to run'))) return;
    this.output = '';
    this.answer = null;
    this.run = 'running';
    this.#stop = new AbortController();
    const variables = Object.fromEntries(this.variables.map((name) => [name, this.values[name] ?? '']));
    try {
      const response = await send(`/api/prompts/${this.#promptId}/run`, {
        method: 'POST',
        json: { variables, version: this.version, stream: true },
        idempotencyKey: crypto.randomUUID(),
        signal: this.#stop.signal,
      });
      if (!response.ok || !response.body) {
        this.problem = await problemOf(response);
        this.run = 'failed';
        return;
      }
      for await (const event of readRunStream(response.body)) {
        if (event.type === 'delta') this.output += event.text;
        else if (event.type === 'done') this.answer = event;
        else if (event.type === 'error') this.problem = problemIn(event.error);
      }
      this.run = this.answer ? 'succeeded' : 'failed';
      if (!this.answer && !this.problem) this.problem = unreachable('the stream ended early');
    } catch (error) {
      if (this.#stop.signal.aborted) this.run = 'cancelled';
      else {
        this.problem = unreachable(error);
        this.run = 'failed';
      }
    }
  }

  /** Ends the run; the text so far stays. */
  stop() {
    this.#stop?.abort();
  }
}
