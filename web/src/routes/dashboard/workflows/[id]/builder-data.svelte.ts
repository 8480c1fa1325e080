/** What the builder knows besides the workflow: models and routes, sources with their columns and rows, prompts of the library. */
import { call, type ApiProblem } from '$lib/api.ts';
import type { DataSource, Preview } from '$lib/flow/data-source.ts';
import type { Listed, Model, ModelRoute, Prompt } from '$lib/shapes.ts';

export class BuilderData {
  readonly models: readonly Model[];
  readonly routes: readonly ModelRoute[];
  readonly prompts: readonly Prompt[];
  #sources = $state.raw<readonly DataSource[]>([]);
  #previews = $state.raw<ReadonlyMap<string, Preview | ApiProblem | 'loading'>>(new Map());

  constructor(known: { models: Model[]; routes: ModelRoute[]; prompts: Prompt[]; sources: DataSource[] }) {
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
  async reloadSources(): Promise<void> {
    const answer = await call<Listed<DataSource>>('/api/data-sources', { query: { limit: 200 } });
    if (answer.ok) this.#sources = answer.data.data;
  }
  #keep(id: string, value: Preview | ApiProblem | 'loading') {
    this.#previews = new Map(this.#previews).set(id, value);
  }
}
