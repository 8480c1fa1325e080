import { env } from 'cloudflare:workers';
import { runInDurableObject } from 'cloudflare:test';
import { describe, expect, it, vi } from 'vitest';
import type { Fetch } from './fixtures.ts';
import { makeTeam } from './fixtures.ts';
import { ask, edge, json, node, of, run, start, until, type Answer } from './running.ts';

/** The execution's ledger rows by attempt, once there are so many. */
async function booked(fetch: Fetch, executionId: string, rows: number): Promise<Answer[]> {
  return await vi.waitFor(
    async () => {
      const { data } = await json(await fetch(`/api/token-tracking/ledger?executionId=${executionId}`));
      expect(data).toHaveLength(rows);
      return data.sort((a: Answer, b: Answer) => a.attempt - b.attempt);
    },
    { timeout: 10_000, interval: 50 },
  );
}
describe('an execution', () => {
  it('goes from trigger to output: answers with nodes, tokens and cost that the ledger also has', async () => {
    const { fetch, teamId } = await makeTeam('editor');
    const { id, workflowId } = await run(
      fetch,
      {
        nodes: [
          start,
          ask('ask', 'Greet {{ trigger.name }}'),
          node('shape', 'transform', { expression: '{"text": nodes.ask.text, "n": trigger.n * 2}' }),
          node('if', 'condition', { expression: 'nodes.shape.n > 5' }),
          node('out', 'output', { value: '{{ nodes.shape }}', tags: ['hello'] }),
          node('no', 'output', { value: 'no' }),
        ],
        edges: [
          edge('start', 'ask'),
          edge('ask', 'shape'),
          edge('shape', 'if'),
          edge('if', 'out', 'true'),
          edge('if', 'no', 'false'),
        ],
      },
      { name: 'Ada', n: 3 },
    );
    const execution = await until(fetch, id, 'completed', 'failed');
    expect(execution).toMatchObject({
      status: 'completed',
      error: null,
      workflowId,
      version: null,
      trigger: 'api',
      input: { name: 'Ada', n: 3 },
    });
    expect(execution.nodes.map((n: Answer) => [n.nodeId, n.status])).toEqual([
      ['start', 'succeeded'],
      ['ask', 'succeeded'],
      ['shape', 'succeeded'],
      ['if', 'succeeded'],
      ['out', 'succeeded'],
      ['no', 'skipped'],
    ]);
    const asked = of(execution, 'ask');
    expect(asked.costNanoUsd).toBeGreaterThan(0);
    expect(execution.costNanoUsd).toBe(asked.costNanoUsd);
    expect(asked.output).toMatchObject({ text: expect.any(String), costNanoUsd: asked.costNanoUsd });
    const outputs = await json(await fetch(`/api/outputs?executionId=${id}`));
    expect(outputs.data).toMatchObject([
      {
        nodeId: 'out',
        value: { text: asked.output.text, n: 6 },
        tags: ['hello'],
        costNanoUsd: asked.costNanoUsd,
      },
    ]);
    const judged = (await env.TEAM_BUDGET.getByName(teamId).outbox(10)) as {
      settlement: { subject: object; costNanoUsd: number };
    }[];
    const settled = judged.length > 0 ? judged[0]!.settlement : null;
    if (settled)
      expect(settled).toMatchObject({
        costNanoUsd: asked.costNanoUsd,
        subject: { executionId: id, nodeId: 'ask', workflowId },
      });
    const list = await json(await fetch(`/api/workflows/${workflowId}/executions`));
    expect(list.data).toMatchObject([{ id, status: 'completed', costNanoUsd: asked.costNanoUsd }]);
  });

  it('runs a map over items, several at once, results in their order', async () => {
    const { fetch } = await makeTeam('editor');
    const inside = { parentId: 'each' };
    const { id } = await run(
      fetch,
      {
        nodes: [
          start,
          node('each', 'map', { items: 'trigger.leads', concurrency: 3 }),
          node('double', 'transform', { expression: 'item.n * 2' }, inside),
          node('big', 'condition', { expression: 'nodes.double > 4' }, inside),
          node(
            'keep',
            'output',
            { value: { n: '{{ item.n }}', index: '{{ index }}' }, tags: ['big'] },
            inside,
          ),
          node('sum', 'transform', { expression: '$count(nodes.each.results)' }),
        ],
        edges: [
          edge('start', 'each'),
          edge('double', 'big'),
          edge('big', 'keep', 'true'),
          edge('each', 'sum'),
        ],
      },
      { leads: [1, 2, 3, 4, 5].map((n) => ({ n })) },
    );
    const execution = await until(fetch, id, 'completed', 'failed');
    expect(execution).toMatchObject({
      status: 'completed',
      counts: { keep: { succeeded: 3, skipped: 2 }, double: { succeeded: 5 } },
    });
    expect(of(execution, 'each').output).toEqual({
      results: [null, null, { n: 3, index: 2 }, { n: 4, index: 3 }, { n: 5, index: 4 }],
      failed: [],
    });
    expect(of(execution, 'sum').output).toBe(5);
    const items = await json(await fetch(`/api/executions/${id}?nodeId=keep&limit=2`));
    expect(items.nodes.map((n: Answer) => [n.itemIndex, n.status])).toEqual([
      [0, 'skipped'],
      [1, 'skipped'],
    ]);
    const next = await json(
      await fetch(`/api/executions/${id}?nodeId=keep&limit=3&cursor=${encodeURIComponent(items.nextCursor)}`),
    );
    expect(next.nodes.map((n: Answer) => n.itemIndex)).toEqual([2, 3, 4]);
  });

  it('pauses at its budget; raised, it goes on from the same node with nothing paid twice', async () => {
    const { fetch } = await makeTeam('editor');
    const { id } = await run(fetch, {
      nodes: [start, ask('one', 'Say one'), ask('two', 'Say two'), node('out', 'output', {})],
      edges: [edge('start', 'one'), edge('one', 'two'), edge('two', 'out')],
      settings: { budgetNanoUsd: 40_000 },
    });
    const paused = await until(fetch, id, 'paused_budget', 'completed', 'failed');
    expect([paused.status, of(paused, 'one').status, of(paused, 'two').status]).toEqual([
      'paused_budget',
      'succeeded',
      'waiting',
    ]);
    expect(paused.refusal).toMatchObject({ reason: 'budget_exceeded' });
    const still = await json(await fetch(`/api/executions/${id}/resume`, { method: 'POST' }));
    expect(['running', 'paused_budget']).toContain(still.status);
    await until(fetch, id, 'paused_budget');
    await fetch(`/api/executions/${id}/resume`, { json: { budgetNanoUsd: 1_000_000 } });
    const done = await until(fetch, id, 'completed', 'failed');
    expect(done).toMatchObject({ status: 'completed', budgetNanoUsd: 1_000_000 });
    expect(of(done, 'one')).toEqual(of(paused, 'one'));
    expect([of(done, 'one').attempts, of(done, 'two').attempts]).toEqual([1, 1]);
    expect(done.costNanoUsd).toBe(of(done, 'one').costNanoUsd + of(done, 'two').costNanoUsd);
  });

  it('goes on by itself when the budget that stopped it is raised', async () => {
    const { fetch } = await makeTeam('admin');
    const budget = await json(
      await fetch('/api/token-tracking/budget', {
        json: {
          scope: { type: 'team' },
          window: 'month',
          timeZone: 'UTC',
          limitNanoUsd: 40_000,
          policy: 'block',
        },
      }),
    );
    const { id } = await run(fetch, {
      nodes: [start, ask('one', 'Say one'), ask('two', 'Say two'), node('out', 'output', {})],
      edges: [edge('start', 'one'), edge('one', 'two'), edge('two', 'out')],
    });
    const paused = await until(fetch, id, 'paused_budget', 'completed', 'failed');
    expect(paused.refusal).toMatchObject({ reason: 'budget_exceeded', budgetId: budget.id });
    await fetch(`/api/token-tracking/budget/${budget.id}`, {
      method: 'PATCH',
      json: { limitNanoUsd: 1_000_000 },
    });
    const done = await until(fetch, id, 'completed', 'failed');
    expect(of(done, 'one')).toEqual(of(paused, 'one'));
    expect(done.costNanoUsd).toBe(of(done, 'one').costNanoUsd + of(done, 'two').costNanoUsd);
  });

  it('is cancelled at once, whatever runs', async () => {
    const { fetch } = await makeTeam('runner');
    const editor = await makeTeam('editor');
    const { id } = await run(editor.fetch, {
      nodes: [start, ask('slow', 'x', { model: 'sandbox-slow' }), node('after', 'output', {})],
      edges: [edge('start', 'slow'), edge('slow', 'after')],
    });
    await until(editor.fetch, id, 'running');
    expect((await fetch(`/api/executions/${id}/cancel`, { method: 'POST' })).status).toBe(404);
    expect(await json(await editor.fetch(`/api/executions/${id}/cancel`, { method: 'POST' }))).toEqual({
      executionId: id,
      status: 'cancelled',
    });
    expect(await json(await editor.fetch(`/api/executions/${id}/cancel`, { method: 'POST' }))).toMatchObject({
      status: 'cancelled',
    });
    const cancelled = await until(editor.fetch, id, 'cancelled');
    expect(cancelled.nodes.map((n: Answer) => n.status)).toEqual(['succeeded', 'cancelled', 'skipped']);
    expect(cancelled.endedAt).not.toBeNull();
  });

  it('pauses and resumes by hand', async () => {
    const { fetch } = await makeTeam('editor');
    const { id } = await run(fetch, {
      nodes: [start, ask('slow', 'x'), node('after', 'output', {})],
      edges: [edge('start', 'slow'), edge('slow', 'after')],
    });
    const { status } = await json(await fetch(`/api/executions/${id}/pause`, { method: 'POST' }));
    expect(['paused', 'completed']).toContain(status);
    await fetch(`/api/executions/${id}/resume`, { method: 'POST' });
    expect((await until(fetch, id, 'completed', 'failed')).status).toBe('completed');
  });

  it('fails with the node and the reason, or goes on when told to', async () => {
    const { fetch } = await makeTeam('editor');
    const bad = node('bad', 'transform', { expression: '$number(trigger.text)' });
    const graph = {
      nodes: [start, bad, node('out', 'output', { value: 'reached' })],
      edges: [edge('start', 'bad'), edge('bad', 'out')],
    };
    const stopped = await run(fetch, graph, { text: 'abc' });
    const failed = await until(fetch, stopped.id, 'failed', 'completed');
    expect(failed).toMatchObject({
      status: 'failed',
      error: { nodeId: 'bad', reason: 'refused', field: 'expression' },
    });
    const passed = await run(fetch, { ...graph, settings: { onError: 'continue' } }, { text: 'abc' });
    const went = await until(fetch, passed.id, 'failed', 'completed');
    expect(went.nodes.map((n: Answer) => n.status)).toEqual(['succeeded', 'failed', 'succeeded']);
  });

  it('names a variable that is missing, and the field it is missing in', async () => {
    const { fetch } = await makeTeam('editor');
    const { id } = await run(
      fetch,
      { nodes: [start, ask('ask', 'Hello {{ trigger.surname }}')], edges: [edge('start', 'ask')] },
      { name: 'Ada' },
    );
    const failed = await until(fetch, id, 'failed', 'completed');
    expect(failed.error).toMatchObject({
      nodeId: 'ask',
      field: 'prompt',
      message: expect.stringContaining('trigger.surname'),
    });
  });

  it('tries a flaky model again and books what each attempt cost', async () => {
    const { fetch } = await makeTeam('editor');
    const retry = { maxAttempts: 5, intervalMs: 1, maxDelayMs: 5 };
    const { id } = await run(fetch, {
      nodes: [start, { ...ask('flaky', 'x', { model: 'sandbox-flaky' }), retry }, node('out', 'output', {})],
      edges: [edge('start', 'flaky'), edge('flaky', 'out')],
    });
    const done = await until(fetch, id, 'completed', 'failed');
    expect([done.status, of(done, 'flaky').attempts]).toEqual(['completed', 3]);
  });

  it('is begun again where it was when its object is lost in the middle, and ends', async () => {
    const { fetch } = await makeTeam('editor');
    const { id } = await run(fetch, {
      nodes: [start, ask('slow', 'x', { model: 'sandbox-slow' }), node('out', 'output', {})],
      edges: [edge('start', 'slow'), edge('slow', 'out')],
    });
    await until(fetch, id, 'running');
    for (;;) {
      const seen = await json(await fetch(`/api/executions/${id}`));
      if (of(seen, 'slow')?.status === 'running') break;
      await scheduler.wait(10);
    }
    const stub = env.WORKFLOW_RUN.getByName(id);
    await runInDurableObject(stub, (_instance, state) => {
      state.abort('lost');
    }).catch(() => {});
    expect(await env.WORKFLOW_RUN.getByName(id).poke()).toBe(true);
    const done = await until(fetch, id, 'completed', 'failed');
    expect([done.status, of(done, 'start').attempts, of(done, 'slow').attempts]).toEqual(['completed', 1, 2]);
  }, 30_000);

  it("B10: falls back inside one attempt of a node, and counts what its run's ledger rows count", async () => {
    const { fetch } = await makeTeam('editor');
    const { id } = await run(fetch, {
      nodes: [
        start,
        ask('ask', 'x', { model: 'sandbox-500', fallback: ['no-such-model', 'sandbox-small'] }),
        node('out', 'output', {}),
      ],
      edges: [edge('start', 'ask'), edge('ask', 'out')],
    });
    const done = await until(fetch, id, 'completed', 'failed');
    expect([done.status, of(done, 'ask').attempts]).toEqual(['completed', 1]);
    const rows = await booked(fetch, id, 1);
    expect(rows).toMatchObject([{ attempt: 2, model: 'sandbox-small', costNanoUsd: done.costNanoUsd }]);
    expect(done.costNanoUsd).toBeGreaterThan(0);
    const attempts = (await json(await fetch(`/api/runs/${rows[0]!.runId}`))).attemptDetails;
    // there is no such model as the one between them
    expect(attempts.map((one: Answer) => [one.attempt, one.model, one.billed])).toEqual([
      [1, 'sandbox-500', false],
      [2, 'sandbox-small', true],
    ]);
  });

  it('whose object is lost during a fallback books that very attempt, and the next one under numbers of its own', async () => {
    const { fetch } = await makeTeam('editor');
    const { id } = await run(fetch, {
      nodes: [
        start,
        ask('slow', 'x', { model: 'sandbox-500', fallback: ['sandbox-slow'] }),
        node('out', 'output', {}),
      ],
      edges: [edge('start', 'slow'), edge('slow', 'out')],
    });
    await until(fetch, id, 'running');
    for (let held = 0; held === 0; await scheduler.wait(10))
      held = (await json(await fetch('/api/token-tracking/reconcile'))).heldNanoUsd;
    const stub = env.WORKFLOW_RUN.getByName(id);
    await runInDurableObject(stub, (_instance, state) => {
      state.abort('lost');
    }).catch(() => {});
    expect(await env.WORKFLOW_RUN.getByName(id).poke()).toBe(true);
    const done = await until(fetch, id, 'completed', 'failed');
    expect([done.status, of(done, 'slow').attempts]).toEqual(['completed', 2]);
    const rows = await booked(fetch, id, 2);
    expect(rows.map((row: Answer) => [row.attempt, row.status, row.flags])).toEqual([
      [2, 'failed', ['unconfirmed']],
      [102, 'succeeded', []],
    ]);
    expect((await json(await fetch('/api/token-tracking/reconcile'))).heldNanoUsd).toBe(0);
  }, 30_000);

  it('of a workflow that cannot run yet is refused before anything is written', async () => {
    const { fetch } = await makeTeam('editor');
    const { id } = await json(
      await fetch('/api/workflows', {
        json: { name: 'Draft', nodes: [start, node('d', 'data_source', {})], edges: [edge('start', 'd')] },
      }),
    );
    const refused = await fetch(`/api/workflows/${id}/trigger`, { method: 'POST' });
    expect([refused.status, (await json(refused)).error.issues[0].path]).toEqual([
      422,
      'nodes.1.config.dataSourceId',
    ]);
    expect((await json(await fetch('/api/executions'))).data).toEqual([]);
  });

  it('runs the published version unless the draft is asked for', async () => {
    const { fetch } = await makeTeam('editor');
    const say = (value: string) => ({
      name: 'W',
      nodes: [start, node('out', 'output', { value })],
      edges: [edge('start', 'out')],
    });
    const { id } = await json(await fetch('/api/workflows', { json: say('published') }));
    await fetch(`/api/workflows/${id}/publish`, { method: 'POST' });
    await fetch(`/api/workflows/${id}`, { method: 'PUT', json: {}, body: JSON.stringify(say('draft')) });
    for (const [version, value, number] of [
      [undefined, 'published', 1],
      ['draft', 'draft', null],
    ] as const) {
      const { executionId } = await json(await fetch(`/api/workflows/${id}/trigger`, { json: { version } }));
      const done = await until(fetch, executionId, 'completed', 'failed');
      expect([of(done, 'out').output, done.version]).toEqual([value, number]);
    }
  });
});
