import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { makeTeam } from '../../tests/workers/fixtures.ts';
import { services } from '../services.ts';
import { seedLeadQualification } from './seed-content.ts';

type Answer = Record<string, any>;

describe('the example workflow', () => {
  it('is planted once, and qualifies every lead of the file', async () => {
    const { fetch, teamId } = await makeTeam('editor');
    const get = async (path: string) => (await (await fetch(path)).json()) as Answer;
    await seedLeadQualification(services(env), teamId);
    await seedLeadQualification(services(env), teamId);
    const { data: sources } = await get('/api/data-sources');
    expect(sources).toMatchObject([{ name: 'Example leads', rowCount: 300 }]);
    expect(sources[0].columns.map((column: Answer) => column.type)).toEqual([
      'number',
      'string',
      'string',
      'string',
      'string',
      'number',
      'string',
      'string',
      'number',
      'date',
    ]);
    const { data: workflows } = await get('/api/workflows');
    expect(workflows).toMatchObject([{ name: 'AI lead qualification' }]);
    expect((await get(`/api/workflows/${workflows[0].id}`)).problems).toEqual([]);
    const triggered = await fetch(`/api/workflows/${workflows[0].id}/trigger`, { method: 'POST' });
    const { executionId } = (await triggered.json()) as Answer;
    let execution: Answer = {};
    for (let i = 0; i < 600 && execution.status !== 'completed'; i++) {
      await scheduler.wait(50);
      execution = await get(`/api/executions/${executionId}?nodeId=each`);
    }
    expect(execution).toMatchObject({
      status: 'completed',
      error: null,
      counts: { score: { succeeded: 300 } },
    });
    expect(execution.nodes[0].output.failed).toEqual([]);
    const qualified = execution.counts.keep.succeeded as number;
    expect(qualified).toBeGreaterThan(0);
    expect(qualified).toBeLessThan(300);
    const rows = (await (await fetch('/api/outputs/export?format=json&tag=qualified')).json()) as Answer[];
    expect(rows).toHaveLength(qualified);
    for (const row of rows) expect(row.value.score).toBeGreaterThan(7);
    expect(execution.costNanoUsd).toBeGreaterThan(0);
    console.log(
      JSON.stringify({
        ms: Date.parse(execution.endedAt) - Date.parse(execution.startedAt),
        qualified,
        cost: execution.costNanoUsd,
      }),
    );
  }, 60_000);
});
