import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { makeTeam, type Fetch } from '../../tests/workers/fixtures.ts';

type Answer = Record<string, any>;
const json = async (response: Response) => (await response.json()) as Answer;
const post = (
  fetch: Fetch,
  body: BodyInit,
  query = '?name=Leads&kind=csv',
  headers: Record<string, string> = { 'content-type': 'text/csv' },
) => fetch(`/api/data-sources${query}`, { method: 'POST', body, headers });
const form = (
  file: string | Uint8Array<ArrayBuffer>,
  name = 'leads.csv',
  fields: Record<string, string> = {},
) => {
  const data = new FormData();
  for (const [key, value] of Object.entries(fields)) data.append(key, value);
  data.append('file', new File([file], name));
  return data;
};
const CSV =
  'id,company,employees,active,since\r\n1,"Müller, Söhne",120,true,2020-01-31\r\n2,"two\nlines",,false,2021-06-01\r\n';

describe('data sources', () => {
  it('are uploaded as a form, typed, previewed, renamed, listed and deleted', async () => {
    const { fetch, teamId } = await makeTeam('editor');
    const created = await fetch('/api/data-sources', { method: 'POST', body: form(CSV) });
    expect(created.status).toBe(201);
    const source = await json(created);
    expect(source).toMatchObject({
      name: 'leads',
      kind: 'csv',
      rowCount: 2,
      bytes: new TextEncoder().encode(CSV).length,
      columns: [
        { name: 'id', type: 'number' },
        { name: 'company', type: 'string' },
        { name: 'employees', type: 'number' },
        { name: 'active', type: 'boolean' },
        { name: 'since', type: 'date' },
      ],
    });
    const preview = await json(await fetch(`/api/data-sources/${source.id}/preview?limit=20`));
    expect(preview.data).toEqual([
      { id: 1, company: 'Müller, Söhne', employees: 120, active: true, since: '2020-01-31' },
      { id: 2, company: 'two\nlines', employees: null, active: false, since: '2021-06-01' },
    ]);
    const renamed = await fetch(`/api/data-sources/${source.id}`, {
      method: 'PATCH',
      json: {},
      body: JSON.stringify({ name: 'New' }),
    });
    expect(await json(renamed)).toMatchObject({ name: 'New' });
    expect(await json(await fetch('/api/data-sources'))).toMatchObject({
      data: [{ id: source.id, name: 'New' }],
    });
    expect((await fetch(`/api/data-sources/${source.id}`, { method: 'DELETE' })).status).toBe(200);
    expect((await fetch(`/api/data-sources/${source.id}`)).status).toBe(404);
    expect((await env.FILES.list({ prefix: `data/${teamId}/` })).objects).toEqual([]);
  });

  it('are uploaded as the body itself, in JSON too', async () => {
    const { fetch } = await makeTeam('editor');
    expect(await json(await post(fetch, CSV))).toMatchObject({ name: 'Leads', rowCount: 2 });
    const rows = [
      { a: 1, b: { c: [1] } },
      { a: 2, d: true },
    ];
    const source = await json(await post(fetch, JSON.stringify(rows), '?name=J&kind=json'));
    expect(source).toMatchObject({
      kind: 'json',
      columns: [
        { name: 'a', type: 'number' },
        { name: 'b', type: 'string' },
        { name: 'd', type: 'boolean' },
      ],
    });
    expect((await json(await fetch(`/api/data-sources/${source.id}/preview`))).data).toEqual(rows);
  });

  it('of many rows are read by windows across their chunks', async () => {
    const { fetch, teamId } = await makeTeam('editor');
    const text = `n,text\n${Array.from({ length: 3500 }, (_, n) => `${n},row ${n}`).join('\n')}`;
    const source = await json(await post(fetch, text));
    const { services } = await import('../services.ts');
    const { readRows } = await import('../store/data-sources.ts');
    const { db } = services(env);
    const window = await readRows(
      { db, files: env.FILES },
      { teamId, dataSourceId: source.id, offset: 990, limit: 1020 },
    );
    expect([window!.total, window!.rows.length, window!.rows[0], window!.rows.at(-1)]).toEqual([
      3500,
      1020,
      { n: 990, text: 'row 990' },
      { n: 2009, text: 'row 2009' },
    ]);
  });

  it.each<[string, string | Uint8Array<ArrayBuffer>, RegExp]>([
    ['a broken quote', 'a,b\n1,2\n3,"x', /line 3, column 2: the quote/],
    ['a ragged row', 'a,b\n1,2\n3\n', /line 3, column 2: the row has 1 cells, the header has 2/],
    ['a cell of 10 MB', `a,b\n1,"${'x'.repeat(10_000_000)}"`, /line 2, column 2: the cell is longer/],
    ['a column without a name', 'a,\n1,2', /line 1, column 2/],
    ['a name twice', 'a,a\n1,2', /line 1, column 2: "a" is already/],
    ['nothing in it', '', /empty|missing/],
    ['bytes that are no text', new Uint8Array([97, 10, 255, 254]), /UTF-8/],
  ])('with %s are refused at the place, and nothing is left of them', async (_, body, message) => {
    const { fetch, teamId } = await makeTeam('editor');
    for (const upload of [
      () => post(fetch, body as BodyInit),
      () =>
        fetch('/api/data-sources', { method: 'POST', body: form(body as string | Uint8Array<ArrayBuffer>) }),
    ]) {
      const refused = await upload();
      const { error } = await json(refused);
      expect([refused.status, error.code, error.issues[0].path]).toEqual([422, 'invalid', 'file']);
      expect(error.message).toMatch(message);
    }
    expect((await json(await fetch('/api/data-sources'))).data).toEqual([]);
    expect((await env.FILES.list({ prefix: `data/${teamId}/` })).objects).toEqual([]);
  });

  it('over 50 MB are refused, also when their length was not said', async () => {
    const { fetch } = await makeTeam('editor');
    const line = new TextEncoder().encode(`${'x'.repeat(999_999)}\n`);
    let sent = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (sent++ < 60) controller.enqueue(line);
        else controller.close();
      },
    });
    const refused = await fetch('/api/data-sources?name=Big&kind=csv', {
      method: 'POST',
      body: endless,
      headers: { 'content-type': 'text/csv' },
    });
    expect([refused.status, (await json(refused)).error.limitBytes]).toEqual([413, 50 * 1024 * 1024]);
  });

  it('in a form that breaks off or holds something else are refused', async () => {
    const { fetch } = await makeTeam('editor');
    const broken = await post(
      fetch,
      '--b\r\ncontent-disposition: form-data; name="file"; filename="a.csv"\r\n\r\na\n1',
      '',
      { 'content-type': 'multipart/form-data; boundary=b' },
    );
    expect(broken.status).toBe(400);
    const data = new FormData();
    data.append('colour', 'red');
    expect(
      (await json(await fetch('/api/data-sources', { method: 'POST', body: data }))).error.issues,
    ).toEqual([{ path: 'colour', message: 'unknown field' }]);
  });

  it('that a workflow reads are not deleted under it', async () => {
    const { fetch } = await makeTeam('editor');
    const source = await json(await post(fetch, CSV));
    await fetch('/api/workflows', {
      json: {
        name: 'Reader',
        nodes: [{ id: 'd', kind: 'data_source', config: { dataSourceId: source.id } }],
        edges: [],
      },
    });
    const refused = await fetch(`/api/data-sources/${source.id}`, { method: 'DELETE' });
    expect([refused.status, (await json(refused)).error.message]).toEqual([
      409,
      expect.stringContaining('"Reader"'),
    ]);
  });

  it('are seen, but not uploaded, by viewers', async () => {
    const { fetch } = await makeTeam('viewer');
    expect((await fetch('/api/data-sources')).status).toBe(200);
    expect((await post(fetch, CSV)).status).toBe(403);
  });
});
