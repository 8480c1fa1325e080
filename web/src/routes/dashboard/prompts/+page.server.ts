import { call } from '$lib/api.ts';
import type { Listed, Prompt } from '$lib/shapes.ts';
import type { PageServerLoad } from './$types';

export const load: PageServerLoad = async ({ fetch, url }) => {
  const q = url.searchParams.get('q')?.trim() ?? '';
  const cursor = url.searchParams.get('cursor');
  return { q, cursor, prompts: await call<Listed<Prompt>>('/api/prompts', { fetch, query: { q, cursor } }) };
};
