import { call, type Answer } from '$lib/api.ts';
import type { Alert, ApiKeyRow, BudgetStatus, Group, Listed, Member, Model, Prompt } from '$lib/shapes.ts';
import type { Choices, Named } from './choices.ts';
import type { PageServerLoad } from './$types';

/** A list that cannot be read leaves its picker empty; the budgets are shown all the same. */
const named = (answer: Answer<Listed<Named>>): Named[] =>
  answer.ok ? answer.data.data.map(({ id, name }) => ({ id, name })) : [];

export const load: PageServerLoad = async ({ fetch, parent }) => {
  const { me } = await parent();
  const team = `/api/teams/${me.team?.id ?? 'none'}`;
  const most = { fetch, query: { limit: 200 } };
  const [budgets, alerts, member, group, key, prompt, workflow, models] = await Promise.all([
    call<Listed<BudgetStatus>>('/api/token-tracking/budget', most),
    call<Listed<Alert>>('/api/token-tracking/alerts', { fetch }),
    call<Listed<Member>>(`${team}/members`, most),
    call<Listed<Group>>(`${team}/groups`, most),
    call<Listed<ApiKeyRow>>('/api/keys', most),
    call<Listed<Prompt>>('/api/prompts', most),
    call<Listed<Named>>('/api/workflows', most),
    call<Listed<Model>>('/api/models', { fetch }),
  ]);
  const texts = models.ok ? [...new Set(models.data.data.map(({ id }) => id))] : [];
  const choices: Choices = {
    member: named(member),
    group: named(group),
    key: named(key),
    prompt: named(prompt),
    workflow: named(workflow),
    model: texts.map((text) => ({ id: text, name: text })),
  };
  return { budgets, alerts, choices };
};
