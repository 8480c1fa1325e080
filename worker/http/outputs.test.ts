import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { makeTeam } from '../../tests/workers/fixtures.ts';
import { recordRun } from '../store/executions.ts';
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
    [-1, '-1'],
    ['a,b', '"a,b"'],
    ['say "x"', '"say ""x"""'],
    ['a\nb', '"a\nb"'],
    [null, ''],
    [{ a: 1 }, '"{""a"":1}"'],
    ['Müller', 'Müller'],
  ])('write %j into a cell as %s', (value, cell) => expect(csvCell(value)).toBe(cell));
});
