/** What the builder knows besides the workflow: models and routes, sources with their columns and rows, prompts, other workflows, channels. */
import { call, type ApiProblem } from '$lib/api.ts';
import type { DataSource, Preview } from '$lib/flow/data-source.ts';
import type { Channel, Listed, Model, ModelRoute, Prompt } from '$lib/shapes.ts';

/** A workflow another one can call. */
export interface CallableWorkflow {
  id: string;
  name: string;
  publishedVersion: number | null;
}

export class BuilderData {
  readonly models: readonly Model[];
  readonly routes: readonly ModelRoute[];
  readonly prompts: readonly Prompt[];
  readonly workflows: readonly CallableWorkflow[];
  #channels = $state.raw<readonly Channel[] | null>(null);
  #channelsAsked = false;
  #sources = $state.raw<readonly DataSource[]>([]);
  #previews = $state.raw<ReadonlyMap<string, Preview | ApiProblem | 'loading'>>(new Map());

  constructor(known: {
    models: Model[];
    routes: ModelRoute[];
    prompts: Prompt[];
    sources: DataSource[];
    workflows: CallableWorkflow[];
  }) {
    this.workflows = known.workflows;
    this.models = known.models;
    this.routes = known.routes;
    this.prompts = known.prompts;
    this.#sources = known.sources;
  }

  get sources(): readonly DataSource[] {
    return this.#sources;
  }
  source(id: string): DataSource | undefined {
    return this.#sources.find((one) => one.id === id);
  }
  columnsOf = (id: string): readonly string[] => this.source(id)?.columns.map((column) => column.name) ?? [];

  /** The first rows of a source; fetched when first asked for. */
  preview(id: string): Preview | ApiProblem | 'loading' | undefined {
    return this.#previews.get(id);
  }
  async loadPreview(id: string): Promise<void> {
    if (!id || this.#previews.has(id)) return;
    this.#keep(id, 'loading');
    const answer = await call<Preview>(`/api/data-sources/${encodeURIComponent(id)}/preview`);
    this.#keep(id, answer.ok ? answer.data : answer.problem);
  }
  /** null = not known (yet) */
  get channels(): readonly Channel[] | null {
    return this.#channels;
  }
  /** The team's channels, for those who may list them; without them a name can still be typed. */
  async loadChannels(): Promise<void> {
    if (this.#channelsAsked) return;
    this.#channelsAsked = true;
    const answer = await call<Listed<Channel>>('/api/notification-channels');
    if (answer.ok) this.#channels = answer.data.data;
  }
  async reloadSources(): Promise<void> {
    const answer = await call<Listed<DataSource>>('/api/data-sources', { query: { limit: 200 } });
    if (answer.ok) this.#sources = answer.data.data;
  }
  #keep(id: string, value: Preview | ApiProblem | 'loading') {
    this.#previews = new Map(this.#previews).set(id, value);
  }
}
