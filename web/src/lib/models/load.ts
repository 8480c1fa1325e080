/** What a model picker offers: every connected model, page by page, and the team's routes. */
import { call, type Answer } from '../api.ts';
import type { Listed, Model, ModelRoute } from '../shapes.ts';

/** A team with one provider of each kind has some hundreds; more than this nobody scrolls through. */
const MOST_PAGES = 5;

export async function connectedModels(fetch: typeof globalThis.fetch): Promise<Answer<Model[]>> {
  const models: Model[] = [];
  let cursor: string | null = null;
  for (let page = 0; page < MOST_PAGES; page++) {
    const answer: Answer<Listed<Model>> = await call('/api/models', {
      fetch,
      query: { connected: true, limit: 200, cursor },
    });
    if (!answer.ok) return answer;
    models.push(...answer.data.data);
    cursor = answer.data.nextCursor;
    if (cursor === null) break;
  }
  return { ok: true, data: models };
}

/** Routes by name; a page can do without them. */
export async function routesOfTeam(fetch: typeof globalThis.fetch): Promise<ModelRoute[]> {
  const answer = await call<Listed<ModelRoute>>('/api/routes', { fetch });
  return answer.ok ? answer.data.data : [];
}
