import { env } from 'cloudflare:workers';
import { eq } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import { makeKey, makeTeam, type Fetch } from '../../tests/workers/fixtures.ts';
import { edge, json, node, start } from '../../tests/workers/running.ts';
import { services } from '../services.ts';
import { auditLog } from '../store/schema.ts';

const { db } = services(env);
const flow = (value: string) => ({
  name: `Says ${value}`,
  nodes: [start, node('out', 'output', { value })],
  edges: [edge('start', 'out')],
});
const put = (fetch: Fetch, id: string, body: object) =>
  fetch(`/api/workflows/${id}`, {
    method: 'PUT',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
  });
/** Versions 1 "one" and 2 "two", and a draft "three". */
async function made(fetch: Fetch) {
  const { id } = await json(await fetch('/api/workflows', { json: flow('one') }));
  await fetch(`/api/workflows/${id}/publish`, { method: 'POST' });
  await put(fetch, id, flow('two'));
  await fetch(`/api/workflows/${id}/publish`, { json: { note: 'shorter' } });
  await put(fetch, id, flow('three'));
  return id as string;
}
const restore = (fetch: Fetch, id: string, version: number | string, body: object = {}) =>
  fetch(`/api/workflows/${id}/versions/${version}/restore`, { json: body });

describe('versions of a workflow', () => {
  it('come back into the draft, while what is published stays; who published is named', async () => {
    const { fetch, teamId } = await makeTeam('editor');
    const id = await made(fetch);
    const { data } = await json(await fetch(`/api/workflows/${id}/versions`));
    expect(data.map(({ version, note }: any) => [version, note])).toEqual([
      [2, 'shorter'],
      [1, ''],
    ]);
    expect(data[0].authorName).toEqual(expect.any(String));

    const changed = async () => {
      const [row] = (await json(await fetch('/api/workflows'))).data;
      const { unpublishedChanges } = await json(await fetch(`/api/workflows/${id}`));
      return [row.unpublishedChanges, unpublishedChanges];
    };
    expect(await changed()).toEqual([true, true]);
    expect((await restore(fetch, id, 2, { draftRevision: 3 })).status).toBe(200);
    expect(await changed()).toEqual([false, false]);
    const answer = await restore(fetch, id, 1, { draftRevision: 4 });
    expect(answer.status).toBe(200);
    expect(await json(answer)).toMatchObject({
      ...flow('one'),
      draftRevision: 5,
      publishedVersion: 2,
      unpublishedChanges: true,
    });
    expect(await json(await fetch(`/api/workflows/${id}`))).toMatchObject({ name: 'Says one' });
    const log = await db.select().from(auditLog).where(eq(auditLog.teamId, teamId));
    expect(log.filter(({ action }) => action === 'workflow.restore')).toMatchObject([
      { target: id, before: { draftRevision: 3 }, after: { version: 2, draftRevision: 4 } },
      { target: id, before: { draftRevision: 4 }, after: { version: 1, draftRevision: 5 } },
    ]);
  });

  it('do not come back over a draft that somebody saved meanwhile, nor where they are not, nor for who may not', async () => {
    const { fetch, teamId } = await makeTeam('editor');
    const id = await made(fetch);
    const status = async (response: Promise<Response>) => (await response).status;
    expect(await status(restore(fetch, id, 1, { draftRevision: 2 }))).toBe(409);
    expect(await status(restore(fetch, id, 3))).toBe(404);
    expect(await status(restore(fetch, 'wf_none', 1))).toBe(404);
    expect(await status(restore(fetch, id, 'x'))).toBe(404);
    expect(await status(restore(fetch, id, 1, { surprise: 1 }))).toBe(422);
    const runner = await makeKey(teamId, 'runner');
    expect(await status(restore(runner.fetch, id, 1))).toBe(403);
    const other = await makeTeam('editor');
    expect(await status(restore(other.fetch, id, 1))).toBe(404);
    expect(await json(await fetch(`/api/workflows/${id}`))).toMatchObject({ name: 'Says three' });
  });
});
