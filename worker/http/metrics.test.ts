import { env } from 'cloudflare:workers';
import { eq } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import { anonymous, makeTeam } from '../../tests/workers/fixtures.ts';
import { edge, json, node, run, start, until } from '../../tests/workers/running.ts';
import { services } from '../services.ts';
import { execution } from '../store/schema.ts';

const TOKEN = 'operator-token-of-the-tests';
const scrape = (headers: Record<string, string>) => anonymous('/api/metrics', { headers });
const small = { nodes: [start, node('out', 'output', { value: 'x' })], edges: [edge('start', 'out')] };

describe('metrics', () => {
  it('are for operators: without the token there is no such route', async () => {
    const { fetch } = await makeTeam('owner');
    for (const response of [
      await scrape({}),
      await scrape({ authorization: 'Bearer wrong' }),
      await scrape({ 'x-operator-token': `${TOKEN}x` }),
      await fetch('/api/metrics'),
    ])
      expect(response.status).toBe(404);
  });

  it('tell runs by status, age of the queue, success and times as OpenMetrics, and of no single team', async () => {
    const { fetch, teamId } = await makeTeam('editor');
    const { id, workflowId } = await run(fetch, small);
    await until(fetch, id, 'completed');
    const at = (agoMs: number) => new Date(Date.now() - agoMs).toISOString();
    const row = { teamId, workflowId, definitionHash: '', trigger: 'api' };
    const { db, newId } = services(env);
    // in a state that the sweeper of another test does not touch: it only reads what is late
    await db.insert(execution).values([
      { ...row, id: newId('execution'), status: 'queued', createdAt: at(90_000), wakeAt: at(0) },
      {
        ...row,
        id: newId('execution'),
        status: 'queued',
        createdAt: at(300_000),
        wakeAt: at(0),
        maxConcurrent: 1,
      },
      {
        ...row,
        id: newId('execution'),
        status: 'failed',
        createdAt: at(5_000),
        startedAt: at(4_000),
        endedAt: at(1_000),
        costNanoUsd: 7_000,
      },
    ]);
    const response = await scrape({ authorization: `Bearer ${TOKEN}` });
    expect(response.headers.get('content-type')).toContain('application/openmetrics-text');
    const text = await response.text();
    expect(text.endsWith('# EOF\n')).toBe(true);
    const value = (name: string) => {
      const line = text.split('\n').find((one) => one.startsWith(`${name} `));
      return line === undefined ? null : Number(line.split(' ')[1]);
    };
    expect(value('pm_executions{status="queued"}')).toBe(2);
    expect(value('pm_executions_ended_last_hour{status="completed"}')).toBe(1);
    expect(value('pm_execution_success_ratio')).toBe(0.5);
    expect(value('pm_queue_age_seconds')).toBeGreaterThanOrEqual(90);
    expect(value('pm_queue_age_seconds')).toBeLessThan(200);
    expect(value('pm_line_age_seconds')).toBeGreaterThanOrEqual(300);
    expect(value('pm_execution_duration_seconds{quantile="0.95"}')).toBe(3);
    expect(value('pm_execution_wait_seconds_count')).toBe(2);
    // of the run that really ran
    expect(value('pm_engine_overhead_seconds_count')).toBe(1);
    expect(value('pm_dead_letters{kind="webhook_delivery"}')).toBe(0);
    for (const secret of [teamId, workflowId, id]) expect(text).not.toContain(secret);

    const stats = await json(await fetch(`/api/executions/stats?workflowId=${workflowId}`));
    expect(stats).toMatchObject({
      open: { queued: 2 },
      ended: { completed: 1, failed: 1 },
      successRate: 0.5,
      durationMs: { p95: 3000 },
      engineMs: { p50: expect.any(Number) },
    });
    expect(stats.series).toEqual([]);
    const [index] = await db.select().from(execution).where(eq(execution.id, id));
    const hourly = await json(
      await fetch(`/api/executions/stats?workflowId=${workflowId}&interval=hour&timeZone=Asia/Kolkata`),
    );
    // 24 hours cut at both ends, of a clock that is half an hour off
    expect(hourly.series).toHaveLength(25);
    expect(hourly.series.map(({ start: at }: { start: string }) => at.slice(14))).toEqual(
      Array(25).fill('30:00.000Z'),
    );
    const sumOf = (pick: (piece: any) => number | undefined) =>
      hourly.series.reduce((sum: number, piece: any) => sum + (pick(piece) ?? 0), 0);
    expect(sumOf(({ ended }) => ended.completed)).toBe(1);
    expect(sumOf(({ ended }) => ended.failed)).toBe(1);
    expect(sumOf(({ costNanoUsd }) => costNanoUsd)).toBe(hourly.costNanoUsd);
    expect(hourly.costNanoUsd).toBe(index!.costNanoUsd + 7_000);
    for (const wrong of ['interval=week', 'interval=day&timeZone=Mars/Olympus'])
      expect((await fetch(`/api/executions/stats?${wrong}`)).status).toBe(422);
    const other = await makeTeam('viewer');
    expect(await json(await other.fetch('/api/executions/stats'))).toMatchObject({
      open: {},
      ended: {},
      successRate: null,
      queueAgeMs: null,
      waitMs: { p50: null },
    });
    expect((await other.fetch('/api/executions/stats?hours=0')).status).toBe(422);
  });
});
