/** Walks every route of the application: who may not come in, does not. New routes are found by themselves; what they need here is said by the failure. */
import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { PERMISSIONS, ROLES, type Role } from '../../worker/domain/access/roles.ts';
import { ACCESS } from '../../worker/http/access.ts';
import { createApp } from '../../worker/http/app.ts';
import { services } from '../../worker/services.ts';
import { saveConnection } from '../../worker/store/connections.ts';
import { anonymous, makeKey, makeTeam, withKey, type Fetch } from './fixtures.ts';

type Team = Awaited<ReturnType<typeof makeTeam>>;

const workflow = {
  name: 'Walked',
  nodes: [{ id: 'start', kind: 'trigger', position: { x: 0, y: 0 }, config: { on: 'manual' } }],
  edges: [],
  settings: {},
};

const walkedPrompt = { name: 'Walked', content: { prompt: 'Hi', model: 'sandbox-small' } };

/** Things of team A that team B asks for. A path also counts for the routes below it. Add yours: `make` answers the path's parameters. */
const THINGS: { path: string; make(a: Team, b: Team): Promise<Record<string, string>> }[] = [
  { path: '/api/teams/:id', make: async (a) => ({ id: a.teamId }) },
  {
    path: '/api/teams/:id/members/:memberId',
    make: async (a, b) => ({ id: b.teamId, memberId: await firstId(a, `/api/teams/${a.teamId}/members`) }),
  },
  {
    path: '/api/teams/:id/invitations/:invitationId',
    make: async (a, b) => ({
      id: b.teamId,
      invitationId: await created(a, `/api/teams/${a.teamId}/invitations`, {
        email: 'c@example.com',
        role: 'viewer',
      }),
    }),
  },
  {
    path: '/api/teams/:id/groups/:groupId',
    make: async (a, b) => ({
      id: b.teamId,
      groupId: await created(a, `/api/teams/${a.teamId}/groups`, { name: `Walked ${crypto.randomUUID()}` }),
    }),
  },
  { path: '/api/keys/:id', make: async (a) => ({ id: a.keyId }) },
  {
    path: '/api/token-tracking/budget/:id',
    make: async (a) => ({
      id: await created(a, '/api/token-tracking/budget', {
        scope: { type: 'team' },
        window: 'day',
        limitNanoUsd: null,
      }),
    }),
  },
  {
    path: '/api/prompts/:id',
    make: async (a) => ({ id: await created(a, '/api/prompts', walkedPrompt), label: 'production' }),
  },
  { path: '/api/token-tracking/alerts/:id', make: alertOf },
  { path: '/api/notification-channels/:id', make: async (a) => ({ id: await channelOf(a) }) },
  { path: '/api/deliveries/:id', make: deliveryOf },
  { path: '/api/token-tracking/invoices/:id', make: invoiceOf },
  { path: '/api/runs/:id', make: runOf },
  {
    path: '/api/routes/:id',
    make: async (a) => ({
      id: await created(a, '/api/routes', {
        name: `walked-${crypto.randomUUID()}`,
        targets: [{ model: 'sandbox-small' }],
      }),
    }),
  },
  {
    path: '/api/integrations/:id',
    make: async ({ teamId }) => ({ id: await connectionOf(teamId) }),
  },
  { path: '/v1/models/:model', make: modelOf },
  { path: '/api/integrations/openai/v1/models/:model', make: modelOf },
  { path: '/api/integrations/anthropic/v1/models/:model', make: modelOf },
  { path: '/v1beta/models/:name', make: async (a) => ({ name: (await modelOf(a)).model! }) },
  { path: '/api/workflows/:id', make: async (a) => ({ id: await created(a, '/api/workflows', workflow) }) },
  { path: '/api/executions/:id', make: executionOf },
  { path: '/api/schedules/:id', make: scheduleOf },
  { path: '/api/workflows/:id/webhook', make: webhookOf },
  { path: '/api/dead-letters/:id', make: letterOf },
  { path: '/api/outputs/:id', make: outputOf },
  {
    path: '/api/data-sources/:id',
    make: async (a) => ({ id: await created(a, '/api/data-sources?name=Walked&kind=json', [{ a: 1 }]) }),
  },
];

/** A body that gets past validation, for routes with parameters whose `{}` does not. */
const BODIES: Record<string, unknown> = {
  'POST /api/prompts/:id/versions': { content: { prompt: 'Hi', model: 'sandbox-small' } },
  'PUT /api/prompts/:id/labels/:label': { version: 1 },
  'PATCH /api/teams/:id/members/:memberId': { role: 'viewer' },
  'POST /api/teams/:id/invitations': { email: 'd@example.com', role: 'viewer' },
  'PATCH /api/data-sources/:id': { name: 'Walked on' },
  'POST /api/executions/:id/approvals/:nodeId': { decision: 'approved' },
  'POST /api/executions/:id/reviews/:nodeId': { decision: 'done' },
  'PATCH /api/workflows/:id/webhook': { signed: true },
  'PUT /api/workflows/:id/alerts': { onFailure: true, slowMs: null, costPercent: null },
  'PATCH /api/outputs/:id': { tags: ['walked'] },
  'PUT /api/workflows/:id': { ...workflow, draftRevision: 1 },
};

/** Routes whose parameter names something that all teams share, so an unknown one is not 404; with the reason. */
const NOT_A_TEAMS_THING: Record<string, string> = {
  'PUT /api/models/:id/price':
    "sets the caller's own price; an unknown model may have one (422 asks for its provider)",
  'POST /api/models/:id/reprice': "prices the caller's own rows anew; of an unknown model there are none",
};

const webhookAtNobody = { type: 'webhook', url: 'http://127.0.0.1:9/walked' };
const channelOf = (team: Team) => created(team, '/api/notification-channels', webhookAtNobody);

async function deliveryOf(team: Team): Promise<Record<string, string>> {
  const id = await channelOf(team);
  const tested = await team.fetch(`/api/notification-channels/${id}/test`, { method: 'POST' });
  return { id: ((await tested.json()) as { id: string }).id };
}

async function alertOf(team: Team): Promise<Record<string, string>> {
  const scope = { type: 'tag', id: crypto.randomUUID() };
  await created(team, '/api/token-tracking/budget', { scope, window: 'total', limitNanoUsd: 1 });
  await team.fetch('/api/token-tracking/log', {
    json: { model: 'sandbox-small', inputTokens: 1000, outputTokens: 1, tags: [scope.id] },
  });
  return { id: await firstId(team, '/api/token-tracking/alerts') };
}

async function invoiceOf({ fetch }: Team): Promise<Record<string, string>> {
  const body = 'usage_date_utc,model,cost_usd\n2026-11-03,Claude Haiku 4.5,1.5\n';
  const made = await fetch('/api/token-tracking/invoices', { method: 'POST', body });
  return { id: ((await made.json()) as { id: string }).id };
}

/** A run, once the ledger's queue has written it. */
async function runOf({ fetch }: Team): Promise<Record<string, string>> {
  const messages = [{ role: 'user', content: 'hi' }];
  const called = await fetch('/v1/chat/completions', {
    json: { model: 'sandbox-small', messages, max_tokens: 5 },
  });
  const id = called.headers.get('x-pm-run-id')!;
  await vi.waitFor(async () => expect((await fetch(`/api/runs/${id}`)).status).toBe(200), { timeout: 5_000 });
  return { id };
}

async function executionOf(team: Team): Promise<Record<string, string>> {
  const id = await created(team, '/api/workflows', workflow);
  const triggered = await team.fetch(`/api/workflows/${id}/trigger`, { method: 'POST' });
  return { id: ((await triggered.json()) as { executionId: string }).executionId };
}

async function scheduleOf(team: Team): Promise<Record<string, string>> {
  const config = { on: 'schedule', cron: '0 8 * * *', timeZone: 'UTC' };
  const nodes = [{ id: 'start', kind: 'trigger', config }];
  const id = await created(team, '/api/workflows', { ...workflow, nodes });
  await team.fetch(`/api/workflows/${id}/publish`, { method: 'POST' });
  return { id: await firstId(team, `/api/schedules?workflowId=${id}`) };
}

async function webhookOf(team: Team): Promise<Record<string, string>> {
  const id = await created(team, '/api/workflows', workflow);
  await team.fetch(`/api/workflows/${id}/webhook`, { method: 'POST' });
  return { id };
}

/** An event for a workflow of which nothing is published. */
async function letterOf(team: Team): Promise<Record<string, string>> {
  const { id } = (await webhookOf(team)) as { id: string };
  const json = { signed: false };
  const { path } = (await (
    await team.fetch(`/api/workflows/${id}/webhook`, { json, method: 'PATCH' })
  ).json()) as { path: string };
  await anonymous(path, { method: 'POST', body: 'event' });
  return { id: await firstId(team, '/api/dead-letters') };
}

async function outputOf(team: Team): Promise<Record<string, string>> {
  const nodes = [...workflow.nodes, { id: 'out', kind: 'output', config: { value: 'walked' } }];
  const edges = [{ id: 'e', source: 'start', target: 'out' }];
  const id = await created(team, '/api/workflows', { ...workflow, nodes, edges });
  await team.fetch(`/api/workflows/${id}/trigger`, { method: 'POST' });
  return vi.waitFor(async () => ({ id: await firstId(team, `/api/outputs?workflowId=${id}`) }), {
    timeout: 5_000,
  });
}

/** A model that only this team's connection lists. */
async function modelOf({ teamId }: Team): Promise<Record<string, string>> {
  await connectionOf(teamId);
  return { model: 'model-of-a-team' };
}
async function connectionOf(teamId: string): Promise<string> {
  const baseUrl = 'https://models.example.com/v1';
  const key = { provider: 'openai', name: 'default', apiKey: 'sk-0123456789abcdef', baseUrl };
  return (await saveConnection(services(env), { teamId, ...key, models: ['model-of-a-team'] })).id;
}

async function created(team: Team, path: string, json: unknown): Promise<string> {
  const response = await team.fetch(path, { json });
  if (!response.ok) throw new Error(`fixture ${path}: ${response.status} ${await response.text()}`);
  return ((await response.json()) as { id: string }).id;
}
async function firstId(team: Team, path: string): Promise<string> {
  return ((await (await team.fetch(path)).json()) as { data: { id: string }[] }).data[0]!.id;
}

const ROUTES = [
  ...new Set(
    createApp()
      .routes.filter(({ method }) => method !== 'ALL')
      .map(({ method, path }) => `${method} ${path}`),
  ),
];
const GUARDED = ROUTES.filter((route) => ACCESS[route] !== 'public');
const WITH_PARAMETERS = GUARDED.filter((route) => /[:*]/.test(route));

const split = (route: string) => route.split(' ') as [method: string, path: string];
const fill = (path: string, params: Record<string, string> = {}) =>
  path.replace(/:(\w+)(\{[^}]*\})?\??|\*/g, (_, name = 'rest') => params[name] ?? 'unknown_0');
const ask = (fetch: Fetch, route: string, params?: Record<string, string>, headers?: HeadersInit) => {
  const [method, path] = split(route);
  const json = method === 'GET' || method === 'DELETE' ? undefined : (BODIES[route] ?? {});
  return fetch(fill(path, params), { method, json, headers });
};

/** The lowest role that may, and the one below it. */
function rolesFor(route: string): { enough: Role; tooLow: Role | undefined } | null {
  const access = ACCESS[route]!;
  if (access === 'public' || access === 'signed-in') return null;
  const enough = PERMISSIONS[access];
  return { enough, tooLow: ROLES[ROLES.indexOf(enough) - 1] };
}

describe('the table of permissions', () => {
  it('states one for every route', () => {
    const unstated = ROUTES.filter((route) => !(route in ACCESS));
    expect(unstated, 'add these routes to worker/http/access.ts').toEqual([]);
  });

  it('states none for a route that does not exist', () => {
    const gone = Object.keys(ACCESS).filter((route) => !ROUTES.includes(route));
    expect(gone, 'take these lines out of worker/http/access.ts').toEqual([]);
  });

  it('opens to everybody only what is listed here', () => {
    expect(ROUTES.filter((route) => ACCESS[route] === 'public').sort()).toEqual(PUBLIC.toSorted());
  });
});

/** Opening a route to strangers is decided twice: in the table, and here. */
const PUBLIC = [
  'GET /api/auth/*',
  'GET /api/health',
  'GET /api/invitations/:token',
  'GET /api/openapi.json',
  'POST /api/auth/*',
  'POST /api/operator/seed',
  // known by its token and signature
  'POST /hooks/:token',
  // asks for the operator token
  'GET /api/metrics',
];

describe('every guarded route', () => {
  let teamA: Team;
  let teamB: Team;
  let expired: string;
  const keys = {} as Record<Role, Fetch>;
  beforeAll(async () => {
    [teamA, teamB] = [await makeTeam('owner'), await makeTeam('owner')];
    for (const role of ROLES)
      keys[role] = (await makeKey(teamA.teamId, role, { createdBy: teamA.ownerId })).fetch;
    expired = (await makeKey(teamA.teamId, 'owner', { expiresAt: '2020-01-01T00:00:00.000Z' })).key;
  });

  it.each(GUARDED)('%s: 401 without a key, with a forged one and with an expired one', async (route) => {
    const forged = `${teamA.key.slice(0, -4)}zzzz`;
    for (const fetch of [anonymous, withKey('garbage'), withKey(forged), withKey(expired)])
      expect((await ask(fetch, route, { id: teamA.teamId })).status).toBe(401);
  });

  it.each(GUARDED)('%s: 404 for the name of another team', async (route) => {
    const headers = { 'x-team-id': teamB.teamId };
    expect((await ask(keys.owner, route, { id: teamB.teamId }, headers)).status).toBe(404);
  });

  const limited = GUARDED.filter((route) => rolesFor(route)?.tooLow !== undefined);
  it.each(limited)('%s: 403 below its role, before anything else is looked at', async (route) => {
    const { enough, tooLow } = rolesFor(route)!;
    const params = { id: teamA.teamId };
    expect((await ask(keys[tooLow!], route, params)).status).toBe(403);
    const allowed = await ask(keys[enough], route, params);
    expect([401, 403, 500], await allowed.text()).not.toContain(allowed.status);
  });
});

describe('every route to a thing', () => {
  let teamA: Team;
  let teamB: Team;
  beforeAll(async () => {
    [teamA, teamB] = [await makeTeam('owner'), await makeTeam('owner')];
  });

  const ours = WITH_PARAMETERS.filter((route) => !(route in NOT_A_TEAMS_THING));
  it.each(ours)("%s: 404 for another team's thing and for none", async (route) => {
    const [, path] = split(route);
    const things = THINGS.filter((thing) => path === thing.path || path.startsWith(`${thing.path}/`));
    const cases: Record<string, string>[] = [{}];
    for (const thing of things) cases.push(await thing.make(teamA, teamB));
    for (const params of cases) {
      const response = await ask(teamB.fetch, route, params);
      const hint = `${route} with ${JSON.stringify(params)} answered ${response.status} ${await response.text()}
If that is validation, add a valid body to BODIES; if all teams share the thing, add a reason to NOT_A_TEAMS_THING.`;
      expect(response.status, hint).toBe(404);
    }
  });

  it.each(THINGS.filter(({ path }) => `GET ${path}` in ACCESS))(
    '$path: is there for its own team all the same',
    async ({ path, make }) => {
      const params = await make(teamA, teamB);
      expect((await ask(teamA.fetch, `GET ${path}`, params)).status).toBe(200);
      expect((await ask(teamB.fetch, `GET ${path}`, params)).status).toBe(404);
    },
  );

  it.each(
    [...new Set(ours.map((route) => split(route)[1].replace(/(\/:\w+).*/, '$1')))].filter((path) =>
      path.includes(':'),
    ),
  )('%s: has a thing of another team to ask for', (path) => {
    const known = THINGS.some((thing) => thing.path === path || thing.path.startsWith(path));
    expect(known, `add to THINGS in tests/workers/access.test.ts how a team makes a ${path}`).toBe(true);
  });
});
