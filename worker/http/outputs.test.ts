import { env } from 'cloudflare:workers';
import { eq } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import { makeKey, makeTeam } from '../../tests/workers/fixtures.ts';
import { services } from '../services.ts';
import { recordRun } from '../store/executions.ts';
import { auditLog, execution } from '../store/schema.ts';
import { csvCell } from './outputs.ts';

type Answer = Record<string, any>;

async function store(teamId: string, values: unknown[], tags: string[] = ['a']) {
  const record = {
    executionId: `exec_${teamId}`,
    teamId,
    workflowId: 'wf_1',
    status: 'completed' as const,
    error: null,
    budgetNanoUsd: null,
    inputTokens: 0,
    outputTokens: 0,
    costNanoUsd: 0,
    startedAt: null,
    endedAt: null,
    wakeAt: null,
    holdsSlot: false,
    questions: 0,
    outputs: values.map((value, index) => ({
      id: `out_${teamId}_${String(index).padStart(5, '0')}`,
      nodeId: 'keep',
      itemKey: String(index),
      itemIndex: index,
      value: JSON.stringify(value),
      tags,
      inputTokens: 3,
      outputTokens: 4,
      costNanoUsd: 5,
      durationMs: 6,
      createdAt: '2026-11-20T12:00:00.000Z',
    })),
  };
  await recordRun(env.DB, record, Date.now());
  await recordRun(env.DB, record, Date.now());
}

describe('outputs', () => {
  it('are kept once each however often they are told, and found by tag', async () => {
    const { fetch, teamId } = await makeTeam('viewer');
    await store(teamId, [{ company: 'Acme' }, 'text', null, 7, true]);
    const { data } = (await (await fetch('/api/outputs')).json()) as Answer;
    expect(data.map((row: Answer) => row.value)).toEqual([true, 7, null, 'text', { company: 'Acme' }]);
    expect(data[4]).toEqual({
      id: `out_${teamId}_00000`,
      workflowId: 'wf_1',
      executionId: `exec_${teamId}`,
      nodeId: 'keep',
      itemIndex: 0,
      value: { company: 'Acme' },
      tags: ['a'],
      inputTokens: 3,
      outputTokens: 4,
      costNanoUsd: 5,
      durationMs: 6,
      createdAt: '2026-11-20T12:00:00.000Z',
    });
    for (const [tag, count] of [
      ['a', 5],
      ['b', 0],
    ] as const)
      expect(((await (await fetch(`/api/outputs?tag=${tag}`)).json()) as Answer).data).toHaveLength(count);
  });

  it('are exported whole, as CSV with a BOM and as JSON', async () => {
    const { fetch, teamId } = await makeTeam('viewer');
    await store(
      teamId,
      Array.from({ length: 450 }, (_, n) => ({ n, say: n === 449 ? '=1+1, "x"' : 'hi' })),
    );
    const csv = await fetch('/api/outputs/export?format=csv');
    expect(csv.headers.get('content-type')).toContain('text/csv');
    const bytes = new Uint8Array(await csv.arrayBuffer());
    expect([...bytes.slice(0, 3)]).toEqual([0xef, 0xbb, 0xbf]);
    const lines = new TextDecoder().decode(bytes).trimEnd().split('\r\n');
    expect(lines).toHaveLength(451);
    expect(lines[0]).toMatch(/,value,value\.n,value\.say$/);
    expect(lines[1]).toMatch(/,449,"'=1\+1, ""x"""$/);
    const all = (await (await fetch('/api/outputs/export?format=json')).json()) as Answer[];
    expect([all.length, all[0]!.value]).toEqual([450, { n: 449, say: '=1+1, "x"' }]);
  });

  it('are exported with every field that any of them has', async () => {
    const { fetch, teamId } = await makeTeam('viewer');
    await store(teamId, [{ early: '@x', '=odd': 1 }, ...Array.from({ length: 700 }, (_, n) => ({ n }))]);
    const lines = (await (await fetch('/api/outputs/export')).text()).trimEnd().split('\r\n');
    expect(lines[0]).toMatch(/,value,value\.n,value\.early,value\.=odd$/);
    expect([lines.length, lines[1]!.slice(-6), lines.at(-1)!.slice(-7)]).toEqual([702, ',699,,', ",,'@x,1"]);
  });

  it('are found by how their run stands, by day, and by what stands in them', async () => {
    const { fetch, teamId } = await makeTeam('viewer');
    await store(teamId, [{ company: 'Acme "Nord" GmbH' }, 'second\nline', 'Ümlaut']);
    const found = async (query: Record<string, string>) =>
      ((await (await fetch(`/api/outputs?${new URLSearchParams(query)}`)).json()) as Answer).data.length;
    expect(await found({ text: 'acme' })).toBe(1);
    expect(await found({ text: 'Acme "nord"' })).toBe(1);
    expect(await found({ text: 'second\nline' })).toBe(1);
    expect(await found({ text: 'Ümlaut' })).toBe(1);
    // no wildcards
    expect(await found({ text: 'A%e' })).toBe(0);
    expect(await found({ from: '2026-11-20', to: '2026-11-21' })).toBe(3);
    expect(await found({ from: '2026-11-20T12:00:00.001Z' })).toBe(0);
    expect(await found({ to: '2026-11-20' })).toBe(0);
    expect(await found({ status: 'completed' })).toBe(0);
    await services(env)
      .db.insert(execution)
      .values({
        id: `exec_${teamId}`,
        teamId,
        workflowId: 'wf_1',
        definitionHash: '',
        status: 'completed',
        trigger: 'api',
        createdAt: '2026-11-20T12:00:00.000Z',
      });
    expect(await found({ status: 'completed' })).toBe(3);
    expect(await found({ status: 'failed' })).toBe(0);
    const exported = await fetch('/api/outputs/export?format=json&text=acme&status=completed');
    expect(await exported.json()).toHaveLength(1);
    for (const query of ['from=yesterday', 'status=odd', 'text='])
      expect((await fetch(`/api/outputs?${query}`)).status).toBe(422);
  });

  it('are tagged by editors, audited, and found by their new tags', async () => {
    const { fetch, teamId } = await makeTeam('editor');
    await store(teamId, ['one', 'two']);
    const patch = (id: string, body: object, by = fetch) =>
      by(`/api/outputs/${id}`, {
        method: 'PATCH',
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json' },
      });
    const id = `out_${teamId}_00001`;
    const answer = await patch(id, { tags: ['good', 'reviewed', 'good '] });
    expect((await answer.json()) as Answer).toMatchObject({ id, tags: ['good', 'reviewed'], value: 'two' });
    const { data } = (await (await fetch('/api/outputs?tag=reviewed')).json()) as Answer;
    expect(data).toHaveLength(1);
    const [row] = await services(env).db.select().from(auditLog).where(eq(auditLog.target, id));
    expect(row).toMatchObject({
      action: 'output.tag',
      before: { tags: ['a'] },
      after: { tags: ['good', 'reviewed'] },
    });
    expect((await patch('out_nobody', { tags: [] })).status).toBe(404);
    expect((await patch(id, { tags: [''] })).status).toBe(422);
    expect((await patch(id, { tags: [], more: 1 })).status).toBe(422);
    expect((await patch(id, { tags: [] }, (await makeKey(teamId, 'runner')).fetch)).status).toBe(403);
  });

  it('of nobody are an empty file, not an error', async () => {
    const { fetch } = await makeTeam('viewer');
    expect(await (await fetch('/api/outputs/export?format=json')).json()).toEqual([]);
    expect((await (await fetch('/api/outputs/export')).text()).split('\r\n')).toHaveLength(2);
  });

  it.each([
    ['=cmd()', "'=cmd()"],
    ['+1', "'+1"],
    ['-1', "'-1"],
    ['@x', "'@x"],
    ['\tx', "'\tx"],
    ['\rx', '"\'\rx"'],
    ['＝1+1', "'＝1+1"],
    [-1, '-1'],
    ['a,b', '"a,b"'],
    ['say "x"', '"say ""x"""'],
    ['a\nb', '"a\nb"'],
    [null, ''],
    [{ a: 1 }, '"{""a"":1}"'],
    ['Müller', 'Müller'],
  ])('write %j into a cell as %s', (value, cell) => expect(csvCell(value)).toBe(cell));
});
