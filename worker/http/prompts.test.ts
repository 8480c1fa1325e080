import { describe, expect, it, vi } from 'vitest';
import { makeKey, makeTeam, type Fetch } from '../../tests/workers/fixtures.ts';

type Answer = Record<string, any>;
const json = async (response: Response) => (await response.json()) as Answer;
const content = (more: object = {}) => ({
  prompt: 'Greet {{name}} in one line.',
  model: 'sandbox-small',
  maxTokens: 40,
  ...more,
});
const make = async (fetch: Fetch, more: object = {}) =>
  json(await fetch('/api/prompts', { json: { name: 'Greeting', content: content(), ...more } }));
const put = (fetch: Fetch, path: string, body: unknown) =>
  fetch(path, { method: 'PUT', json: body, body: JSON.stringify(body) });
const patch = (fetch: Fetch, path: string, body: unknown) =>
  fetch(path, { method: 'PATCH', json: body, body: JSON.stringify(body) });

describe('prompts', () => {
  it('are made, read, renamed, found and archived', async () => {
    const { fetch } = await makeTeam('editor');
    const response = await fetch('/api/prompts', {
      json: { name: 'Greeting', description: 'hi', tags: ['a', 'a'], content: content(), note: 'first' },
    });
    expect(response.status).toBe(201);
    const made = await json(response);
    expect(made).toMatchObject({
      name: 'Greeting',
      tags: ['a'],
      version: 1,
      latestVersion: 1,
      labels: {},
      content: { ...content(), variables: [] },
      placeholders: ['name'],
    });
    expect(await json(await fetch(`/api/prompts/${made.id}`))).toEqual(made);

    expect(
      await json(await patch(fetch, `/api/prompts/${made.id}`, { name: '100% <b>"Grüße"</b>' })),
    ).toMatchObject({ name: '100% <b>"Grüße"</b>', description: 'hi' });
    const found = async (q: string) =>
      (await json(await fetch(`/api/prompts?q=${encodeURIComponent(q)}`))).data.length;
    expect([
      await found('100%'),
      await found('%'),
      await found('1%b'),
      await found('grüße'),
      await found("' OR 1=1 --"),
    ]).toEqual([1, 1, 0, 1, 0]);

    expect((await fetch(`/api/prompts/${made.id}`, { method: 'DELETE' })).status).toBe(200);
    expect(await found('')).toBe(0);
    expect((await json(await fetch('/api/prompts?archived=true'))).data).toHaveLength(1);
    expect((await json(await fetch(`/api/prompts/${made.id}`))).archivedAt).toBeTruthy();
  });

  it('keep every version, and labels point at them', async () => {
    const { fetch } = await makeTeam('editor');
    const { id } = await make(fetch);
    const add = (prompt: string) =>
      fetch(`/api/prompts/${id}/versions`, { json: { content: content({ prompt }), note: prompt } });
    const added = await Promise.all(['two', 'three', 'four'].map(add));
    expect(added.map((response) => response.status)).toEqual([201, 201, 201]);
    const versions = (await json(await fetch(`/api/prompts/${id}/versions`))).data as Answer[];
    expect(versions.map(({ version }) => version)).toEqual([4, 3, 2, 1]);
    expect(new Set(versions.map(({ note }) => note))).toEqual(new Set(['two', 'three', 'four', '']));
    const page = await json(await fetch(`/api/prompts/${id}/versions?limit=3`));
    expect(
      (await json(await fetch(`/api/prompts/${id}/versions?limit=3&cursor=${page.nextCursor}`))).data,
    ).toMatchObject([{ version: 1 }]);

    expect(
      await json(await put(fetch, `/api/prompts/${id}/labels/production`, { version: 2 })),
    ).toMatchObject({ labels: { production: 2 } });
    expect(
      await json(await put(fetch, `/api/prompts/${id}/labels/production`, { version: 1 })),
    ).toMatchObject({ labels: { production: 1 } });
    expect((await json(await fetch(`/api/prompts/${id}?label=production`))).version).toBe(1);
    expect((await json(await fetch(`/api/prompts/${id}`))).version).toBe(4);
    for (const [path, status] of [
      [`/api/prompts/${id}?label=staging`, 404],
      [`/api/prompts/${id}?version=9`, 404],
      [`/api/prompts/${id}?version=1&label=production`, 422],
      [`/api/prompts/${id}?version=0`, 422],
    ] as const)
      expect((await fetch(path)).status).toBe(status);
    expect((await put(fetch, `/api/prompts/${id}/labels/x`, { version: 9 })).status).toBe(404);
    expect((await put(fetch, `/api/prompts/${id}/labels/a%22b`, { version: 1 })).status).toBe(422);
  });

  it('refuse what makes no sense, naming the place', async () => {
    const { fetch } = await makeTeam('editor');
    for (const [body, path] of [
      [{ content: content() }, 'name'],
      [{ name: 'x' }, 'content'],
      [{ name: 'x', content: { model: 'm' } }, 'content.prompt'],
      [{ name: 'x', content: content({ maxTokens: -1 }) }, 'content.maxTokens'],
      [{ name: 'x', content: content(), colour: 'red' }, 'colour'],
      [{ name: 'x', content: content({ colour: 1 }) }, 'content.colour'],
    ] as const) {
      const response = await fetch('/api/prompts', { json: body });
      expect([response.status, (await json(response)).error.issues[0].path]).toEqual([422, path]);
    }
  });
});

describe('running a prompt', () => {
  it('answers text, usage and cost, and is recorded with its version', async () => {
    const { fetch, keyId } = await makeTeam();
    const { id } = await make(fetch);
    const response = await fetch(`/api/prompts/${id}/run`, {
      json: { variables: { name: 'Ada' }, tags: ['acme'] },
    });
    expect(response.status).toBe(200);
    const run = await json(response);
    expect(run).toMatchObject({
      output: expect.stringContaining('Greet Ada in one line.'),
      model: 'sandbox-small',
      runId: expect.stringMatching(/^run_/),
    });
    expect(run.costNanoUsd).toBe(run.usage.inputTokens * 300 + run.usage.outputTokens * 1500);
    const stored = await vi.waitFor(
      async () => {
        const answer = await fetch(`/api/runs/${run.runId}`);
        expect(answer.status).toBe(200);
        return json(answer);
      },
      { timeout: 10_000 },
    );
    expect(stored).toMatchObject({
      status: 'succeeded',
      executionType: 'prompt',
      promptId: id,
      promptVersion: 1,
      keyId,
      tags: ['acme'],
      costNanoUsd: run.costNanoUsd,
    });
    expect((await json(await fetch(`/api/runs?promptId=${id}&limit=1`))).data).toMatchObject([
      { id: run.runId },
    ]);
    expect((await json(await fetch('/api/runs?status=failed'))).data).toEqual([]);
  });

  it('takes another model, fewer tokens, an older version', async () => {
    const { fetch } = await makeTeam();
    const { id } = await make(fetch);
    await fetch(`/api/prompts/${id}/versions`, {
      json: { content: content({ prompt: 'Say bye to {{name}}' }) },
    });
    const run = async (more: object) =>
      json(await fetch(`/api/prompts/${id}/run`, { json: { variables: { name: 'Bob' }, ...more } }));
    expect((await run({})).output).toContain('Say bye to Bob');
    expect((await run({ version: 1 })).output).toContain('Greet Bob');
    expect(await run({ model: 'sandbox-large', maxTokens: 3 })).toMatchObject({
      model: 'sandbox-large',
      usage: { outputTokens: expect.any(Number) },
    });
  });

  it('parses the answer when a schema is asked for', async () => {
    const { fetch } = await makeTeam();
    const responseSchema = {
      type: 'object',
      required: ['score'],
      properties: { score: { type: 'integer', minimum: 0, maximum: 10 } },
    };
    const { id } = await make(fetch, { content: content({ responseSchema }) });
    const run = await json(await fetch(`/api/prompts/${id}/run`, { json: { variables: { name: 'Ada' } } }));
    expect(run.json).toEqual({ score: expect.any(Number) });
    expect(JSON.parse(run.output)).toEqual(run.json);
  });

  it('streams deltas and then the whole', async () => {
    const { fetch } = await makeTeam();
    const { id } = await make(fetch);
    const response = await fetch(`/api/prompts/${id}/run`, {
      json: { variables: { name: 'Ada' }, stream: true },
    });
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    const events = (await response.text())
      .split('\n\n')
      .filter(Boolean)
      .map((event) => JSON.parse(event.slice(6)) as Answer);
    const end = events.pop()!;
    expect(events.every(({ type }) => type === 'delta')).toBe(true);
    expect(events.length).toBeGreaterThan(3);
    expect(end).toMatchObject({
      type: 'done',
      output: events.map(({ text }) => text).join(''),
      runId: response.headers.get('x-pm-run-id'),
      model: 'sandbox-small',
    });
    expect(end.costNanoUsd).toBeGreaterThan(0);
  });

  it('names a missing variable and costs nothing', async () => {
    const { fetch } = await makeTeam();
    const { id } = await make(fetch);
    const missing = await fetch(`/api/prompts/${id}/run`, { json: { variables: {} } });
    expect([missing.status, (await json(missing)).error.issues]).toEqual([
      422,
      [{ path: 'variables.name', message: 'is missing' }],
    ]);
    const unknown = await fetch(`/api/prompts/${id}/run`, {
      json: { variables: { name: 'x', nome: 'y' }, stream: true },
    });
    expect([unknown.status, (await json(unknown)).error.param]).toEqual([422, 'variables.nome']);
    expect(
      (
        await json(
          await fetch(`/api/prompts/${id}/run`, { json: { variables: { name: 'x' }, model: 'nope' } }),
        )
      ).error.code,
    ).toBe('model_not_found');
  });

  it('of a stream that fails is an ordinary answer', async () => {
    const { fetch } = await makeTeam();
    const { id } = await make(fetch);
    const response = await fetch(`/api/prompts/${id}/run`, {
      json: { variables: { name: 'x' }, model: 'sandbox-500', stream: true },
    });
    expect([response.status, (await json(response)).error.code]).toEqual([500, 'provider_failed']);
  });

  it('needs a runner; a viewer only reads', async () => {
    const { fetch, teamId } = await makeTeam();
    const { id } = await make(fetch);
    const viewer = await makeKey(teamId, 'viewer');
    expect((await viewer.fetch(`/api/prompts/${id}`)).status).toBe(200);
    expect((await viewer.fetch(`/api/prompts/${id}/run`, { json: {} })).status).toBe(403);
    const runner = await makeKey(teamId, 'runner');
    expect(
      (await runner.fetch(`/api/prompts/${id}/run`, { json: { variables: { name: 'x' } } })).status,
    ).toBe(200);
    expect((await runner.fetch('/api/prompts', { json: { name: 'x', content: content() } })).status).toBe(
      403,
    );
  });
});

describe('an Idempotency-Key', () => {
  const headers = { 'idempotency-key': 'key-1' };

  it('gives the first answer again, for runs, gateway calls and things made', async () => {
    const { fetch } = await makeTeam();
    const first = await fetch('/api/prompts', { json: { name: 'Once', content: content() }, headers });
    const again = await fetch('/api/prompts', { json: { name: 'Once', content: content() }, headers });
    expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([201, 'true']);
    const made = await json(first);
    expect(await json(again)).toEqual(made);
    expect((await json(await fetch('/api/prompts'))).data).toHaveLength(1);

    const run = () => fetch(`/api/prompts/${made.id}/run`, { json: { variables: { name: 'Ada' } }, headers });
    expect((await json(await run())).runId).toBe((await json(await run())).runId);
    const call = () =>
      fetch('/v1/chat/completions', {
        json: { model: 'sandbox-small', messages: [{ role: 'user', content: 'x' }] },
        headers,
      });
    const [a, b] = [await call(), await call()];
    expect(a.headers.get('x-pm-run-id')).toBe(b.headers.get('x-pm-run-id'));
    expect(b.headers.get('x-pm-cost-nano-usd')).toBe(a.headers.get('x-pm-cost-nano-usd'));
    expect(await a.text()).toBe(await b.text());
  });

  it('starts one execution, however often it is triggered', async () => {
    const { fetch } = await makeTeam();
    const nodes = [{ id: 'start', kind: 'trigger', position: { x: 0, y: 0 }, config: { on: 'manual' } }];
    const workflow = { name: 'Once', nodes, edges: [], settings: {} };
    const made = await json(await fetch('/api/workflows', { json: workflow, headers }));
    expect((await json(await fetch('/api/workflows', { json: workflow, headers }))).id).toBe(made.id);
    const path = `/api/workflows/${made.id}/trigger`;
    const first = await fetch(path, { method: 'POST', headers });
    const again = await fetch(path, { method: 'POST', headers });
    expect([first.status, again.status]).toEqual([202, 202]);
    expect((await json(again)).executionId).toBe((await json(first)).executionId);
  });

  it('with another body is 409, and in two teams is two keys', async () => {
    const [one, two] = [await makeTeam(), await makeTeam()];
    const make = (fetch: Fetch, name: string) =>
      fetch('/api/prompts', { json: { name, content: content() }, headers });
    expect((await make(one.fetch, 'a')).status).toBe(201);
    const other = await make(one.fetch, 'b');
    expect([other.status, (await json(other)).error.code]).toEqual([409, 'conflict']);
    expect((await make(two.fetch, 'b')).status).toBe(201);
  });

  it('lets exactly one of several at once through', async () => {
    const { fetch } = await makeTeam();
    const { id } = await make(fetch);
    const all = await Promise.all(
      Array.from({ length: 5 }, () =>
        fetch(`/api/prompts/${id}/run`, { json: { variables: { name: 'x' } }, headers }),
      ),
    );
    const statuses = all.map(({ status }) => status);
    expect(statuses.filter((status) => status === 200 || status === 409)).toHaveLength(5);
    const runIds = await Promise.all(
      all
        .filter(({ status }) => status === 200)
        .map(async (response) => (await json(response)).runId as string),
    );
    expect(new Set(runIds).size).toBe(1);
  });

  it('is free again after a refusal', async () => {
    const { fetch } = await makeTeam();
    const { id } = await make(fetch);
    expect((await fetch(`/api/prompts/${id}/run`, { json: { variables: {} }, headers })).status).toBe(422);
    expect(
      (await fetch(`/api/prompts/${id}/run`, { json: { variables: { name: 'x' } }, headers })).status,
    ).toBe(200);
  });

  it('that is none is refused', async () => {
    const { fetch } = await makeTeam();
    const response = await fetch('/api/prompts', {
      json: { name: 'x', content: content() },
      headers: { 'idempotency-key': 'x'.repeat(256) },
    });
    expect([response.status, (await json(response)).error.param]).toEqual([422, 'idempotency-key']);
  });
});
