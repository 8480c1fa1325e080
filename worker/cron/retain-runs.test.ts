import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { makeTeam, type Fetch } from '../../tests/workers/fixtures.ts';
import { edge, json, node, of, replay, run, start, until } from '../../tests/workers/running.ts';
import { services } from '../services.ts';
import { buryLetter } from '../store/dead-letters.ts';
import { archiveRuns } from './archive-runs.ts';
import { retainRuns } from './retain-runs.ts';

const DAY_MS = 86_400_000;
const record = services(env);
const inDays = (days: number) => ({ ...record, now: () => Date.now() + days * DAY_MS });
const keeps = (fetch: Fetch, teamId: string, executionRetentionDays: number | null) =>
  fetch(`/api/teams/${teamId}`, { method: 'PATCH', json: { executionRetentionDays } });
const files = async (prefix: string) => (await env.FILES.list({ prefix })).objects.map(({ key }) => key);
const flow = {
  nodes: [
    start,
    node('each', 'map', { items: '[1..2]' }),
    node('big', 'transform', { expression: '$pad("", 1100000, "x")' }, { parentId: 'each' }),
    node('short', 'transform', { expression: '$length(nodes.big)' }, { parentId: 'each' }),
    node('out', 'output', { value: '{{ nodes.each.results }}' }),
  ],
  edges: [edge('start', 'each'), edge('big', 'short'), edge('each', 'out')],
};

describe('retention of runs', () => {
  it('removes what stands of an old run in files, and keeps its row, its outputs and what took over from it', async () => {
    const { fetch, teamId } = await makeTeam();
    const { id } = await run(fetch, flow, { text: 'x'.repeat(70_000) });
    const first = await until(fetch, id, 'completed', 'failed');
    const again = await until(fetch, await replay(fetch, id, { fromNodeId: 'out' }), 'completed', 'failed');
    const other = await makeTeam();
    const kept = await run(other.fetch, flow);
    await until(other.fetch, kept.id, 'completed', 'failed');
    expect(await (await keeps(fetch, teamId, 30)).json()).toMatchObject({ executionRetentionDays: 30 });

    await archiveRuns(inDays(8));
    await retainRuns(inDays(29));
    expect((await files(`executions/${id}/`)).length).toBeGreaterThan(3);
    // the replay ended a little later; both are older than 30 days then
    await retainRuns(inDays(31));
    expect([await files(`executions/${id}/`), await files(`executions/${again.id}/`)]).toEqual([[], []]);
    const after = await json(await fetch(`/api/executions/${id}`));
    expect(after).toMatchObject({
      status: 'completed',
      input: null,
      nodes: [],
      endedAt: first.endedAt,
      detailsRemovedAt: expect.any(String),
    });
    const outputs = await json(await fetch(`/api/outputs?executionId=${id}`));
    expect(outputs.data[0].value).toEqual([1_100_000, 1_100_000]);
    expect((await fetch(`/api/executions/${id}/nodes/each/output`)).status).toBe(404);
    expect((await fetch(`/api/executions/${id}/replay`, { json: {} })).status).toBe(409);
    // a team that says nothing keeps all of it
    const whole = await json(await other.fetch(`/api/executions/${kept.id}`));
    expect([whole.detailsRemovedAt, of(whole, 'out').output]).toEqual([null, [1_100_000, 1_100_000]]);
  });

  it('leaves a run that stands where it ran, and one of a single step can be looked at when it is gone', async () => {
    const { fetch, teamId } = await makeTeam();
    const { id: workflowId } = await json(await fetch('/api/workflows', { json: { name: 'One', ...flow } }));
    const alone = await json(
      await fetch(`/api/workflows/${workflowId}/nodes/out/run`, {
        json: { nodes: { each: { results: [1] } } },
      }),
    );
    await until(fetch, alone.executionId, 'completed', 'failed');
    await keeps(fetch, teamId, 7);
    await retainRuns(inDays(100));
    expect((await json(await fetch(`/api/executions/${alone.executionId}`))).nodes).not.toEqual([]);
    await archiveRuns(inDays(8));
    await retainRuns(inDays(8));
    const gone = await json(await fetch(`/api/executions/${alone.executionId}`));
    expect([gone.nodes, gone.detailsRemovedAt]).toEqual([[], expect.any(String)]);
    expect((await fetch(`/api/executions/${alone.executionId}/replay`, { json: {} })).status).toBe(409);
  });

  it('removes old dead letters with what they hold, of teams that say so and of none', async () => {
    const { fetch, teamId } = await makeTeam();
    const other = await makeTeam();
    const bury = (of: string | null, at: number) =>
      buryLetter(inDays(at), {
        teamId: of,
        kind: 'queue_message',
        subject: `letter ${crypto.randomUUID()}`,
        workflowId: null,
        reason: 'gave_up',
        message: 'no',
        payload: { text: 'x'.repeat(70_000) },
      });
    await bury(teamId, 0);
    await bury(teamId, 20);
    await bury(other.teamId, 0);
    await bury(null, 0);
    await keeps(fetch, teamId, 30);
    const counts = async () => [
      (await json(await fetch('/api/dead-letters'))).data.length,
      (await json(await other.fetch('/api/dead-letters'))).data.length,
      (await files('dead-letters/')).length,
    ];
    await retainRuns(inDays(29));
    expect(await counts()).toEqual([2, 1, 4]);
    await retainRuns(inDays(31));
    expect(await counts()).toEqual([1, 1, 3]);
    await retainRuns(inDays(91));
    expect(await counts()).toEqual([0, 1, 1]);
  });

  it('is set by admins, to no less than runs stand where they ran', async () => {
    const { fetch, teamId } = await makeTeam();
    const editor = await makeTeam('editor');
    const statuses = await Promise.all(
      [6, 7.5, 4000, 'ever'].map(async (days) => (await keeps(fetch, teamId, days as number)).status),
    );
    expect(statuses).toEqual([422, 422, 422, 422]);
    expect((await keeps(editor.fetch, editor.teamId, 30)).status).toBe(403);
    await keeps(fetch, teamId, 30);
    expect(await (await keeps(fetch, teamId, null)).json()).toMatchObject({ executionRetentionDays: null });
    const log = await json(await fetch(`/api/teams/${teamId}/audit-log?action=team.update`));
    expect(log.data[0]).toMatchObject({
      before: { executionRetentionDays: 30 },
      after: { executionRetentionDays: null },
    });
  });
});
