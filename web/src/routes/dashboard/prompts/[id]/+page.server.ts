import { call } from '$lib/api.ts';
import type { Listed, Model, Prompt, PromptVersion } from '$lib/shapes.ts';
import { error } from '@sveltejs/kit';
import type { PageServerLoad } from './$types';

export const load: PageServerLoad = async ({ fetch, params }) => {
  const at = `/api/prompts/${encodeURIComponent(params.id)}`;
  const [prompt, versions, models] = await Promise.all([
    call<Prompt>(at, { fetch }),
    call<Listed<PromptVersion>>(`${at}/versions`, { fetch, query: { limit: 100 } }),
    call<Listed<Model>>('/api/models', { fetch, query: { connected: true, limit: 200 } }),
  ]);
  if (!prompt.ok) error(prompt.problem.status || 503, prompt.problem.message);
  return { prompt: prompt.data, versions, models };
};
