import { call } from '$lib/api.ts';
import { connectedModels, routesOfTeam } from '$lib/models/load.ts';
import type { Listed, Member, OpenPrompt, PromptVersion } from '$lib/shapes.ts';
import { error } from '@sveltejs/kit';
import type { PageServerLoad } from './$types';

export const load: PageServerLoad = async ({ fetch, params, parent }) => {
  const { me } = await parent();
  const at = `/api/prompts/${encodeURIComponent(params.id)}`;
  const [prompt, versions, models, routes, members] = await Promise.all([
    call<OpenPrompt>(at, { fetch }),
    call<Listed<PromptVersion>>(`${at}/versions`, { fetch, query: { limit: 100 } }),
    connectedModels(fetch),
    routesOfTeam(fetch),
    call<Listed<Member>>(`/api/teams/${me.team?.id}/members`, { fetch, query: { limit: 200 } }),
  ]);
  if (!prompt.ok) error(prompt.problem.status || 503, prompt.problem.message);
  /** authors by name, as versions name them */
  const names = Object.fromEntries(
    (members.ok ? members.data.data : []).map(({ userId, name }) => [`user:${userId}`, name]),
  );
  return { prompt: prompt.data, versions, models, routes, names };
};
