import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { sweepOrphans } from '../../worker/cron/sweeper.ts';
import { drainOutbox } from '../../worker/queues/ledger.ts';
import { services } from '../../worker/services.ts';
import { makeTeam, type Fetch } from './fixtures.ts';
import { ask, edge, json, node, of, run, start, until, type Answer } from './running.ts';

const calls = (workflowId: string, more: object = {}) => node('call', 'workflow', { workflowId, ...more });
const caller = (workflowId: string, more: object = {}, settings: object = {}) => ({
  nodes: [start, calls(workflowId, more), node('out', 'output', {})],
  edges: [edge('start', 'call'), edge('call', 'out')],
  settings,
});
const says = (value: unknown) => ({
  nodes: [start, node('said', 'output', { value })],
  edges: [edge('start', 'said')],
});

async function published(fetch: Fetch, definition: object, name = 'Called'): Promise<string> {
  const { id } = await json(await fetch('/api/workflows', { json: { name, ...definition } }));
  const answer = await fetch(`/api/workflows/${id}/publish`, { method: 'POST' });
  if (answer.status !== 201) throw new Error(await answer.text());
  return id as string;
}
const save = (fetch: Fetch, id: string, definition: object) =>
  fetch(`/api/workflows/${id}`, {
    method: 'PUT',
    body: JSON.stringify({ name: 'Called', ...definition }),
    json: {},
  });
const problemsOf = async (fetch: Fetch, id: string) =>
  (await json(await fetch(`/api/workflows/${id}`))).problems as { path: string; message: string }[];
const childOf = async (id: string): Promise<string> => {
  for (;;) {
    const row = await env.DB.prepare('SELECT id FROM execution WHERE parent_execution_id = ?')
      .bind(id)
      .first<{ id: string }>();
    if (row) return row.id;
    await scheduler.wait(20);
  }
};

describe('a workflow as a step of another', () => {
  it('gets its input, gives its outputs by their nodes, those of items in order, and its cost counts to the caller', async () => {
    const { fetch } = await makeTeam('editor');
    const child = await published(fetch, {
      nodes: [
        start,
        ask('hi', 'Greet {{ trigger.name }}'),
        node('each', 'map', { items: '[1..12]' }),
        node('item', 'output', { value: '{{ item }}' }, { parentId: 'each' }),
        node('said', 'output', { value: '{{ nodes.hi.text }}' }),
      ],
      edges: [edge('start', 'hi'), edge('start', 'each'), edge('hi', 'said')],
    });
    const { id } = await run(fetch, caller(child, { input: { name: '{{ trigger.who }}' } }), { who: 'Ada' });
    const done = await until(fetch, id, 'completed', 'failed');
    const { output } = of(done, 'call');
    expect(output).toMatchObject({ said: expect.any(String), item: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12] });
    const called = await json(await fetch(`/api/executions/${await childOf(id)}`));
    expect(called).toMatchObject({
      parentExecutionId: id,
      version: 1,
      trigger: 'workflow',
      input: { name: 'Ada' },
      status: 'completed',
    });
    expect(done.costNanoUsd).toBe(called.costNanoUsd);
    expect(done.costNanoUsd).toBeGreaterThan(0);
  });

  it('B21: counts to all who called it also when the counters are built anew from the ledger', async () => {
    const { fetch, teamId } = await makeTeam('owner');
    const inner = await published(fetch, {
      nodes: [start, ask('hi', 'Greet somebody'), node('said', 'output', { value: '{{ nodes.hi.text }}' })],
      edges: [edge('start', 'hi'), edge('hi', 'said')],
    });
    const middle = await published(fetch, caller(inner));
    const { id } = await run(fetch, caller(middle));
    const { costNanoUsd } = await until(fetch, id, 'completed', 'failed');
    expect(costNanoUsd).toBeGreaterThan(0);
    await drainOutbox(services(env), teamId);
    const spentBy = (executionId: string) =>
      runInDurableObject(env.TEAM_BUDGET.getByName(teamId), (_object, state) =>
        state.storage.sql
          .exec<{ spent: number }>(
            'SELECT coalesce(sum(cost_nano_usd), 0) AS spent FROM spend WHERE scope = ?',
            `execution:${executionId}`,
          )
          .one(),
      );
    const family = [id, await childOf(id), await childOf(await childOf(id))];
    for (const member of family) expect(await spentBy(member)).toEqual({ spent: costNanoUsd });
    const rebuilt = await json(await fetch('/api/token-tracking/rebuild', { json: {} }));
    expect(rebuilt.counters).toMatchObject({ differingScopes: 0 });
    for (const member of family) expect(await spentBy(member)).toEqual({ spent: costNanoUsd });
  });

  it('is the version that was published when the run of its caller began', async () => {
    const { fetch } = await makeTeam('editor');
    const child = await published(fetch, says('first'));
    const { id } = await run(fetch, {
      nodes: [start, node('gate', 'approval', { message: '?' }), calls(child), node('out', 'output', {})],
      edges: [edge('start', 'gate'), edge('gate', 'call', 'approved'), edge('call', 'out')],
    });
    await until(fetch, id, 'paused');
    await save(fetch, child, says('second'));
    await fetch(`/api/workflows/${child}/publish`, { method: 'POST' });
    await fetch(`/api/workflows/${child}`, { method: 'DELETE' });
    await fetch(`/api/executions/${id}/approvals/gate`, { json: { decision: 'approved' } });
    expect(of(await until(fetch, id, 'completed', 'failed'), 'call').output).toEqual({ said: 'first' });
  });

  it('that fails makes its step fail, with its own words; a wired error goes on', async () => {
    const { fetch } = await makeTeam('editor');
    const child = await published(fetch, {
      nodes: [start, node('bad', 'transform', { expression: '$number("abc")' })],
      edges: [edge('start', 'bad')],
    });
    const { id } = await run(fetch, caller(child));
    const failed = await until(fetch, id, 'failed', 'completed');
    expect(failed.error).toMatchObject({
      nodeId: 'call',
      message: expect.stringContaining('it called failed'),
    });
    const wired = await run(fetch, {
      nodes: [start, { ...calls(child), onError: 'error' }, node('rescue', 'output', {})],
      edges: [edge('start', 'call'), edge('call', 'rescue', 'error')],
    });
    expect(of(await until(fetch, wired.id, 'completed', 'failed'), 'rescue').output).toMatchObject({
      error: { nodeId: 'call' },
    });
  });

  it('is cancelled with its caller, also when the word of it was lost', async () => {
    const { fetch } = await makeTeam('editor');
    const child = await published(fetch, {
      nodes: [start, node('gate', 'approval', { message: '?' })],
      edges: [edge('start', 'gate')],
    });
    const [first, second] = [await run(fetch, caller(child)), await run(fetch, caller(child))];
    const [a, b] = [await childOf(first.id), await childOf(second.id)];
    for (const one of [a, b]) await until(fetch, one, 'paused');
    await fetch(`/api/executions/${first.id}/cancel`, { method: 'POST' });
    expect((await until(fetch, a, 'cancelled')).status).toBe('cancelled');
    // as when the server died before it could say so
    await env.DB.prepare(`UPDATE execution SET ended_at = 'x', status = 'failed' WHERE id = ?`)
      .bind(second.id)
      .run();
    expect(await sweepOrphans(services(env))).toBeGreaterThan(0);
    expect((await until(fetch, b, 'cancelled')).status).toBe('cancelled');
  });

  it("spends its caller's budget: it waits for money when that is used up, and goes on when the caller may spend more", async () => {
    const { fetch } = await makeTeam('editor');
    const child = await published(fetch, {
      nodes: [start, ask('one', 'Say one'), ask('two', 'Say two'), node('said', 'output', {})],
      edges: [edge('start', 'one'), edge('one', 'two'), edge('two', 'said')],
    });
    const { id } = await run(fetch, caller(child, {}, { budgetNanoUsd: 40_000 }));
    const called = await childOf(id);
    const paused = await until(fetch, called, 'paused_budget', 'completed', 'failed');
    expect(paused.refusal).toMatchObject({ reason: 'budget_exceeded', scope: { type: 'execution', id } });
    await fetch(`/api/executions/${id}/resume`, { json: { budgetNanoUsd: 1_000_000 } });
    const done = await until(fetch, id, 'completed', 'failed');
    const again = await json(await fetch(`/api/executions/${called}`));
    expect([done.status, of(again, 'one')]).toEqual(['completed', of(paused, 'one')]);
    expect(done.costNanoUsd).toBe(again.costNanoUsd);
  });

  it('that calls itself, is not published, or is not there: said in the draft, refused when it is to run', async () => {
    const { fetch } = await makeTeam('editor');
    const other = await makeTeam('editor');
    const foreign = await published(other.fetch, says(1));
    const b = await published(fetch, says('b'), 'B');
    const a = await published(fetch, caller(b), 'A');
    await save(fetch, b, caller(a));
    const cases: [string, string][] = [
      [b, 'would call itself'],
      [
        (await json(await fetch('/api/workflows', { json: { name: 'D', ...caller(foreign) } }))).id,
        'there is no workflow',
      ],
    ];
    const draft = (await json(await fetch('/api/workflows', { json: { name: 'Draft', ...says(1) } }))).id;
    cases.push([
      (await json(await fetch('/api/workflows', { json: { name: 'E', ...caller(draft) } }))).id,
      'not published',
    ]);
    for (const [id, message] of cases) {
      expect(await problemsOf(fetch, id)).toEqual([
        { path: 'nodes.1.config.workflowId', message: expect.stringContaining(message) },
      ]);
      for (const path of ['publish', 'trigger']) {
        const refused = await fetch(`/api/workflows/${id}/${path}`, {
          json: path === 'trigger' ? { version: 'draft' } : {},
        });
        expect([refused.status, (await json(refused)).error.issues[0].path]).toEqual([
          422,
          'nodes.1.config.workflowId',
        ]);
      }
    }
  });

  it('may stand five deep and no deeper', async () => {
    const { fetch } = await makeTeam('editor');
    let id = await published(fetch, says('deep'));
    for (let depth = 0; depth < 5; depth++) id = await published(fetch, caller(id));
    const { executionId } = await json(await fetch(`/api/workflows/${id}/trigger`, { json: {} }));
    expect((await until(fetch, executionId, 'completed', 'failed')).status).toBe('completed');
    const created = await json(await fetch('/api/workflows', { json: { name: 'F', ...caller(id) } }));
    expect(created.problems).toMatchObject([{ message: expect.stringContaining('more than 5') }]);
  });
});

describe('an action', () => {
  it('on an uploaded file is said to be impossible while it is drawn', async () => {
    const { fetch } = await makeTeam('editor');
    const source = await json(await fetch('/api/data-sources?name=Leads&kind=json', { json: [{ a: 1 }] }));
    const action = (dataSourceId: string): Promise<Answer> =>
      fetch('/api/workflows', {
        json: {
          name: 'A',
          nodes: [start, node('do', 'action', { dataSourceId, operation: 'insert', params: {} })],
          edges: [edge('start', 'do')],
        },
      }).then(json);
    expect((await action(source.id)).problems).toMatchObject([
      { path: 'nodes.1.config.dataSourceId', message: expect.stringContaining('not written to') },
    ]);
    expect((await action('ds_none')).problems).toMatchObject([
      { message: expect.stringContaining('no data source') },
    ]);
  });
});
