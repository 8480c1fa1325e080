import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { makeKey, makeTeam, type Fetch } from '../../../tests/workers/fixtures.ts';
import { drainOutbox } from '../../queues/ledger.ts';
import { services } from '../../services.ts';

const PATH = '/api/token-tracking/invoices';
const columns = JSON.stringify({ date: 'day', model: 'model', amount: 'usd' });
const query = (more: Record<string, string> = {}) =>
  `?${new URLSearchParams({ provider: 'sandbox', columns, ...more })}`;

async function upload(
  fetch: Fetch,
  text: BodyInit,
  search = query(),
  headers: HeadersInit = { 'content-type': 'text/csv' },
): Promise<[number, any]> {
  const response = await fetch(PATH + search, { method: 'POST', body: text, headers });
  return [response.status, await response.json()];
}
const get = async (fetch: Fetch, path: string): Promise<any> => (await fetch(PATH + path)).json();

/** Two calls on the 3rd of November of Berlin (one of them still the 2nd in UTC), one on the 4th. */
async function spent(fetch: Fetch, teamId: string) {
  const row = (occurredAt: string, model: string) => ({
    model,
    inputTokens: 10,
    outputTokens: 2,
    occurredAt,
  });
  const rows = [
    row('2025-11-02T23:30:00Z', 'sandbox-large'),
    row('2025-11-03T12:00:00Z', 'sandbox-large'),
    row('2025-11-04T12:00:00Z', 'sandbox-small'),
  ];
  expect((await fetch('/api/token-tracking/log', { json: rows })).status).toBe(201);
  await drainOutbox(services(env), teamId);
}

describe('an imported invoice', () => {
  it('is compared with the ledger per model and day of its zone, listed, exported and deleted, each change audited', async () => {
    const { fetch, teamId } = await makeTeam();
    await spent(fetch, teamId);
    const csv =
      'day,model,usd\n2025-11-03,sandbox-large,0.00012\n2025-11-04,sandbox-small,0.01\n2025-11-05,"=evil()",1\n';
    const [status, made] = await upload(fetch, csv, query({ timeZone: 'Europe/Berlin', name: 'November' }));
    expect([status, made]).toMatchObject([
      201,
      {
        name: 'November',
        provider: 'sandbox',
        by: 'day',
        rows: 3,
        totalNanoUsd: 1_010_120_000,
        firstDay: '2025-11-03',
        lastDay: '2025-11-05',
      },
    ]);
    const difference = await get(fetch, `/${made.id}/difference`);
    expect(difference.rows).toEqual([
      {
        day: '2025-11-03',
        model: 'sandbox-large',
        invoiceModels: ['sandbox-large'],
        runs: 2,
        ledgerNanoUsd: 120_000,
        invoiceNanoUsd: 120_000,
        differenceNanoUsd: 0,
        basisPoints: 0,
        status: 'equal',
      },
      {
        day: '2025-11-04',
        model: 'sandbox-small',
        invoiceModels: ['sandbox-small'],
        runs: 1,
        ledgerNanoUsd: 6_000,
        invoiceNanoUsd: 10_000_000,
        differenceNanoUsd: 9_994_000,
        basisPoints: 16_656_667,
        status: 'differs',
      },
      {
        day: '2025-11-05',
        model: '=evil()',
        invoiceModels: ['=evil()'],
        runs: 0,
        ledgerNanoUsd: 0,
        invoiceNanoUsd: 1_000_000_000,
        differenceNanoUsd: 1_000_000_000,
        basisPoints: null,
        status: 'only_invoice',
      },
    ]);
    expect(difference.totals).toMatchObject({
      ledgerNanoUsd: 126_000,
      invoiceNanoUsd: 1_010_120_000,
      differenceNanoUsd: 1_009_994_000,
    });
    expect((await get(fetch, `/${made.id}/difference?onlyDifferences=true`)).rows).toHaveLength(2);
    const file = await fetch(`${PATH}/${made.id}/difference?format=csv&onlyDifferences=true`);
    expect(await file.text()).toBe(
      'day,model,invoice_models,runs,ledger_usd,invoice_usd,difference_usd,difference_percent,status\r\n' +
        '2025-11-04,"sandbox-small","sandbox-small",1,0.000006,0.01,0.009994,166566.67,differs\r\n' +
        '2025-11-05,"\'=evil()","\'=evil()",0,0,1,1,,only_invoice\r\n',
    );
    expect((await get(fetch, '')).data).toEqual([made]);
    expect((await fetch(`${PATH}/${made.id}`, { method: 'DELETE' })).status).toBe(200);
    expect((await get(fetch, '')).data).toEqual([]);
    expect(
      await env.DB.prepare('SELECT count(*) AS n FROM invoice_line WHERE invoice_id = ?')
        .bind(made.id)
        .first(),
    ).toEqual({ n: 0 });
    const log = (await (await fetch(`/api/teams/${teamId}/audit-log`)).json()) as {
      data: { action: string }[];
    };
    expect(log.data.map(({ action }) => action).filter((action) => action.startsWith('invoice'))).toEqual([
      'invoice.delete',
      'invoice.import',
    ]);
  });

  it('may come as a form, in another currency at a stated rate, and by the month', async () => {
    const { fetch, teamId } = await makeTeam();
    await spent(fetch, teamId);
    const form = new FormData();
    form.set(
      'file',
      new File(['day,model,usd,cur\n2025-11,sandbox-large,0.0001,EUR\n'], 'eu.csv', { type: 'text/csv' }),
    );
    const mapping = JSON.stringify({ date: 'day', model: 'model', amount: 'usd', currency: 'cur' });
    const [status, made] = await upload(fetch, form, query({ columns: mapping, rates: 'EUR:1.2' }), {});
    expect([status, made]).toMatchObject([
      201,
      { name: 'eu.csv', by: 'month', currency: 'EUR', rates: { EUR: '1.2' } },
    ]);
    expect((await get(fetch, `/${made.id}/difference`)).rows).toMatchObject([
      {
        day: '2025-11',
        model: 'sandbox-large',
        ledgerNanoUsd: 120_000,
        invoiceNanoUsd: 120_000,
        status: 'equal',
      },
      { day: '2025-11', model: 'sandbox-small', status: 'only_ledger' },
    ]);
  });

  it.each([
    ['line 2, column 3', 'day,model,usd\n2025-11-03,m,free\n', query()],
    ['line 1', 'nothing,of,it\n', query()],
    ['provider', 'day,model,usd\n2025-11-03,m,1\n', `?${new URLSearchParams({ columns })}`],
    ['columns', 'x', '?columns={'],
    ['columns', 'x', '?columns={"date":"a"}'],
    ['rates', 'x', '?rates=EUR'],
    ['timeZone', 'x', '?timeZone=Mars/Olympus'],
    ['file', new Uint8Array([0xff, 0xfe, 0x00]), query()],
    ['file', 'day,model,usd\n2001-11-03,m,1\n2025-11-03,m,1\n', query()],
  ])(
    'is refused by the name of what is wrong (%s), and nothing of it is kept',
    async (path, body, search) => {
      const { fetch } = await makeTeam();
      const [status, { error }] = await upload(fetch, body as BodyInit, search);
      expect([status, error.issues[0].path]).toEqual([422, path]);
      expect((await get(fetch, '')).data).toEqual([]);
    },
  );

  it('may have 10 MB and no more', async () => {
    const { fetch } = await makeTeam();
    const rows = 'day,model,usd\n' + `2025-11-03,${'m'.repeat(80)},0.000001\n`.repeat(60_000);
    expect(await upload(fetch, rows)).toMatchObject([201, { rows: 60_000, totalNanoUsd: 60_000_000 }]);
    expect((await upload(fetch, rows + ' '.repeat(6_000_000)))[0]).toBe(413);
  });

  it("is an admin's to bring and to delete, everybody's of the team to see, and nobody else's", async () => {
    const { fetch, teamId } = await makeTeam();
    const [, made] = await upload(fetch, 'day,model,usd\n2025-11-03,m,1\n');
    const viewer = await makeKey(teamId, 'viewer');
    expect((await upload(viewer.fetch, 'x'))[0]).toBe(403);
    expect((await viewer.fetch(`${PATH}/${made.id}`, { method: 'DELETE' })).status).toBe(403);
    expect((await viewer.fetch(`${PATH}/${made.id}/difference`)).status).toBe(200);
    const other = await makeTeam();
    expect((await other.fetch(`${PATH}/${made.id}/difference`)).status).toBe(404);
    expect((await get(other.fetch, '')).data).toEqual([]);
  });
});
