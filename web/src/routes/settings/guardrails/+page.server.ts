import { call } from '$lib/api.ts';
import type { Guardrails } from '$lib/shapes.ts';
import type { PageServerLoad } from './$types';

export const load: PageServerLoad = async ({ fetch }) => ({
  guardrails: await call<Guardrails>('/api/guardrails', { fetch }),
});
