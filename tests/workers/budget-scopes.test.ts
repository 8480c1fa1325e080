/** Each scope that a budget can have, proven through the whole Worker: what is in it is refused at the limit, what is beside it goes on. */
import { env } from 'cloudflare:workers';
import { describe, expect, it, vi } from 'vitest';
import type { CallSubject, Scope } from '../../worker/domain/budget/budget.ts';
import { services } from '../../worker/services.ts';
import { makeKey, makeTeam, signUp, type Fetch } from './fixtures.ts';
import { ask, edge, json, node, run, start, until, type Answer } from './running.ts';
import { settlementOf } from './settlement.ts';

const BUDGETS = '/api/token-tracking/budget';
/** nano-USD held by a call of the scope that is still on its way: more than any call here may cost */
const HELD = 1_000_000_000;

/** null = it was answered; else what the refusal says */
type Outcome = Answer | null;
type Call = () => Promise<Outcome>;
interface Case {
  scope: Scope;
  /** of a call in the scope, for the one that is still on its way */
  subject: Omit<CallSubject, 'teamId' | 'tags'> & { tags?: string[] };
  model?: string;
  within: Call;
  beside: Call;
}

/** Ada owns a team. She is a member by her session; two keys are not members. */
async function ada() {
  const person = await signUp('Ada');
  const [key, otherKey] = [await makeKey(person.teamId, 'admin'), await makeKey(person.teamId, 'admin')];
  const { data } = await json(await person.fetch(`/api/teams/${person.teamId}/members`));
  return { ...person, memberId: data[0].id as string, key, otherKey };
}
type Ada = Awaited<ReturnType<typeof ada>>;

async function outcome(response: Response): Promise<Outcome> {
  const answer = await json(response);
  if (response.status === 200) return null;
  expect([response.status, answer.error?.code], JSON.stringify(answer)).toEqual([402, 'budget_exceeded']);
  return answer.error;
}
const chat =
  (fetch: Fetch, { model = 'sandbox-small', tags = '' } = {}): Call =>
  async () =>
    outcome(
      await fetch('/v1/chat/completions', {
        json: { model, max_tokens: 5, messages: [{ role: 'user', content: 'Hello' }] },
        headers: tags ? { 'x-pm-tags': tags } : {},
      }),
    );

async function prompt(fetch: Fetch): Promise<string> {
  const content = { prompt: 'Greet Ada.', model: 'sandbox-small', maxTokens: 5 };
  const made = await json(await fetch('/api/prompts', { json: { name: crypto.randomUUID(), content } }));
  const next = { content: { ...content, prompt: 'Say bye to Ada.' } };
  expect((await fetch(`/api/prompts/${made.id}/versions`, { json: next })).status).toBe(201);
  return made.id;
}
const runPrompt =
  (fetch: Fetch, id: string, version?: number): Call =>
  async () =>
    outcome(await fetch(`/api/prompts/${id}/run`, { json: version ? { version } : {} }));

/** Asks, waits for a person, asks again. */
const twoAsks = {
  nodes: [
    start,
    ask('first', 'Greet'),
    node('wait', 'approval', { message: 'Go on?' }),
    ask('second', 'Bye'),
  ],
  edges: [edge('start', 'first'), edge('first', 'wait'), edge('wait', 'second', 'approved')],
};
const waiting = async (fetch: Fetch, id: string): Promise<void> =>
  void (await vi.waitFor(
    async () => {
      const { nodes } = await json(await fetch(`/api/executions/${id}`));
      expect(nodes.find((one: Answer) => one.nodeId === 'wait').status).toBe('waiting');
    },
    { timeout: 10_000 },
  ));
const ended = async (fetch: Fetch, id: string): Promise<Outcome> => {
  const execution = await until(fetch, id, 'completed', 'paused_budget', 'failed');
  if (execution.status === 'completed') return null;
  expect(execution).toMatchObject({
    status: 'paused_budget',
    refusal: { reason: 'budget_exceeded' },
  });
  return execution.refusal;
};
const approve = async (fetch: Fetch, id: string) => {
  const response = await fetch(`/api/executions/${id}/approvals/wait`, { json: { decision: 'approved' } });
  expect(response.status, await response.clone().text()).toBe(200);
};

const CASES: Record<Scope['type'], (of: Ada) => Promise<Case>> = {
  team: async ({ key }) => ({
    scope: { type: 'team' },
    subject: {},
    within: chat(key.fetch),
    beside: chat((await makeTeam()).fetch),
  }),
  member: async ({ fetch, key, memberId }) => ({
    scope: { type: 'member', id: memberId },
    subject: { memberId },
    within: chat(fetch),
    beside: chat(key.fetch),
  }),
  group: async ({ fetch, teamId, key, otherKey }) => {
    const research = { name: 'Research', keyIds: [key.keyId] };
    const { id } = await json(await fetch(`/api/teams/${teamId}/groups`, { json: research }));
    return {
      scope: { type: 'group', id },
      subject: { groupIds: [id] },
      within: chat(key.fetch),
      beside: chat(otherKey.fetch),
    };
  },
  key: async ({ key, otherKey }) => ({
    scope: { type: 'key', id: key.keyId },
    subject: { keyId: key.keyId },
    within: chat(key.fetch),
    beside: chat(otherKey.fetch),
  }),
  prompt: async ({ fetch }) => {
    const [id, other] = [await prompt(fetch), await prompt(fetch)];
    return {
      scope: { type: 'prompt', id },
      subject: { promptId: id },
      within: runPrompt(fetch, id),
      beside: runPrompt(fetch, other),
    };
  },
  prompt_version: async ({ fetch }) => {
    const id = await prompt(fetch);
    return {
      scope: { type: 'prompt_version', id: `${id}@1` },
      subject: { promptId: id, promptVersion: 1 },
      within: runPrompt(fetch, id, 1),
      beside: runPrompt(fetch, id, 2),
    };
  },
  workflow: async ({ fetch }) => {
    const once = { nodes: [start, ask('ask', 'Greet')], edges: [edge('start', 'ask')] };
    const { id } = await json(await fetch('/api/workflows', { json: { name: 'Greeting', ...once } }));
    const trigger = () => fetch(`/api/workflows/${id}/trigger`, { json: {} });
    return {
      scope: { type: 'workflow', id },
      subject: { workflowId: id },
      within: async () => ended(fetch, (await json(await trigger())).executionId),
      beside: async () => ended(fetch, (await run(fetch, once)).id),
    };
  },
  execution: async ({ fetch }) => {
    const { id, workflowId } = await run(fetch, twoAsks);
    const path = `/api/workflows/${workflowId}/trigger`;
    const { executionId: other } = await json(await fetch(path, { json: {} }));
    // the first ask of both is paid before anything is limited
    await waiting(fetch, other);
    const steps: Call[] = [
      async () => (await waiting(fetch, id), null),
      async () => (await approve(fetch, id), ended(fetch, id)),
      // raised, it goes on by itself
      async () => {
        await until(fetch, id, 'completed');
        return null;
      },
    ];
    return {
      scope: { type: 'execution', id },
      subject: { executionId: id },
      within: () => steps.shift()!(),
      beside: async () => (await approve(fetch, other), ended(fetch, other)),
    };
  },
  tag: async ({ key }) => ({
    scope: { type: 'tag', id: 'acme' },
    subject: { tags: ['acme'] },
    within: chat(key.fetch, { tags: 'beta,acme' }),
    beside: chat(key.fetch, { tags: 'beta' }),
  }),
  model: async ({ key }) => ({
    scope: { type: 'model', id: 'sandbox-large' },
    subject: {},
    model: 'sandbox-large',
    within: chat(key.fetch, { model: 'sandbox-large' }),
    beside: chat(key.fetch),
  }),
};

describe('a budget that blocks', () => {
  it.each(Object.keys(CASES) as Scope['type'][])(
    'of scope %s refuses what is in it at its limit, by its name and figures, and lets pass what is beside it',
    async (type) => {
      const team = await ada();
      const { scope, subject, model = 'sandbox-small', within, beside } = await CASES[type](team);
      const judge = services(env).team(team.teamId);
      /** all that the team has paid, when nothing but `held` is on its way */
      const paid = async (held = 0) =>
        await vi.waitFor(
          async () => {
            const cut = await judge.cutAt(0);
            expect(cut.heldNanoUsd).toBe(held);
            return cut.counterNanoUsd;
          },
          { timeout: 10_000 },
        );
      const figures = async () => {
        const { data } = await json(await team.fetch(BUDGETS));
        return { spent: data[0].spentNanoUsd as number, held: data[0].heldNanoUsd as number };
      };
      const limitTo = async (limitNanoUsd: number) =>
        expect(
          (await team.fetch(`${BUDGETS}/${id}`, { method: 'PATCH', json: { limitNanoUsd } })).status,
        ).toBe(200);

      expect(await within()).toBeNull();
      // the two executions have asked the same by now; of the other scopes only what is within has been called
      const cost = (await paid()) / (type === 'execution' ? 2 : 1);
      expect(cost).toBeGreaterThan(0);
      const created = await team.fetch(BUDGETS, { json: { scope, window: 'total', limitNanoUsd: null } });
      expect(created.status).toBe(201);
      const { id, spentNanoUsd: spent } = await json(created);
      expect(spent).toBe(cost);

      // a call of the scope that is still on its way
      const hold = {
        runId: `run_${type}`,
        attempt: 1,
        subject: { teamId: team.teamId, tags: [], ...subject },
        provider: 'sandbox',
        model,
        executionType: 'gateway' as const,
      };
      const asked = { ceilingNanoUsd: HELD, inputNanoUsd: 1, clampable: false, dispatching: true };
      expect((await judge.reserve({ ...hold, ...asked, ttlMs: 60_000 })).ok).toBe(true);
      await limitTo(spent + HELD);
      expect(await within()).toMatchObject({
        budgetId: id,
        scope,
        limitNanoUsd: spent + HELD,
        spentNanoUsd: spent,
        heldNanoUsd: HELD,
        askedNanoUsd: expect.toSatisfy((asked: number) => asked > 0 && asked < HELD),
        resetsAt: null,
      });
      expect(await beside()).toBeNull();
      expect(await figures()).toEqual({ spent, held: HELD });

      // it ends, unbilled: there is room again, and what then passes is counted
      await judge.settle(settlementOf({ ...hold, status: 'failed', billed: false, costNanoUsd: 0 }));
      const settledBefore = await paid();
      await limitTo(spent + 2 * HELD);
      expect(await within()).toBeNull();
      const more = (await paid()) - settledBefore;
      expect(more).toBeGreaterThan(0);
      expect(await figures()).toEqual({ spent: spent + more, held: 0 });
    },
  );
});
