import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { anonymous, makeKey, makeTeam, signUp } from '../../tests/workers/fixtures.ts';
import { services } from '../services.ts';

interface Row {
  id: string;
  memberIds: string[];
  keyIds: string[];
}
const made = async (response: Promise<Response>): Promise<Row> => {
  expect((await response).status).toBe(201);
  return (await (await response).json()) as Row;
};
const chat = (fetch: (path: string, init: { json: unknown }) => Promise<Response>, maxTokens = 5) =>
  fetch('/v1/chat/completions', {
    json: { model: 'sandbox-small', max_tokens: maxTokens, messages: [{ role: 'user', content: 'Hello' }] },
  });

/** Ada owns a team, and is a member of it; a key of hers beside. */
async function ada() {
  const person = await signUp('Ada');
  const path = `/api/teams/${person.teamId}/groups`;
  const members = (await (await person.fetch(`/api/teams/${person.teamId}/members`)).json()) as {
    data: { id: string }[];
  };
  const key = await makeKey(person.teamId, 'admin');
  const change = (id: string, json: object) => person.fetch(`${path}/${id}`, { method: 'PATCH', json });
  return { ...person, path, memberId: members.data[0]!.id, key, change };
}
const groupSums = async (person: { fetch: Awaited<ReturnType<typeof signUp>>['fetch'] }) => {
  const answer = await person.fetch('/api/token-tracking/stats?groupBy=group');
  return ((await answer.json()) as { groups: { key: string; label: string; runs: number }[] }).groups;
};

describe('groups', () => {
  it('are made, listed, changed and deleted, each time with an audit row', async () => {
    const { fetch, path, memberId, key, teamId, change } = await ada();
    const group = await made(fetch(path, { json: { name: 'Research', memberIds: [memberId, memberId] } }));
    expect(group).toMatchObject({ name: 'Research', memberIds: [memberId], keyIds: [], deletedAt: null });
    const changed = await change(group.id, { name: 'R&D', memberIds: [], keyIds: [key.keyId] });
    expect(await changed.json()).toEqual({ ...group, name: 'R&D', memberIds: [], keyIds: [key.keyId] });
    expect(await (await fetch(path)).json()).toEqual({
      data: [{ ...group, name: 'R&D', memberIds: [], keyIds: [key.keyId] }],
      nextCursor: null,
    });
    expect((await fetch(`${path}/${group.id}`, { method: 'DELETE' })).status).toBe(204);
    expect((await change(group.id, { name: 'x' })).status).toBe(404);
    expect(await (await fetch(path)).json()).toEqual({ data: [], nextCursor: null });
    expect(await (await fetch(`${path}?deleted=true`)).json()).toMatchObject({
      data: [{ id: group.id, name: 'R&D', memberIds: [], keyIds: [] }],
    });
    const log = (await (await fetch(`/api/teams/${teamId}/audit-log`)).json()) as {
      data: { action: string }[];
    };
    expect(log.data.filter(({ action }) => action.startsWith('group.'))).toMatchObject([
      { action: 'group.delete', before: { name: 'R&D', keyIds: [key.keyId] } },
      {
        action: 'group.update',
        before: { name: 'Research', memberIds: [memberId] },
        after: { name: 'R&D', memberIds: [], keyIds: [key.keyId] },
      },
      { action: 'group.create', target: group.id, after: { name: 'Research' } },
    ]);
  });

  it('have names of their own, and only people and keys of their team', async () => {
    const { fetch, path, change } = await ada();
    const other = await ada();
    const group = await made(fetch(path, { json: { name: 'Sales' } }));
    const second = await made(fetch(path, { json: { name: 'Support' } }));
    expect((await fetch(path, { json: { name: 'Sales' } })).status).toBe(409);
    expect((await change(second.id, { name: 'Sales' })).status).toBe(409);
    expect((await change(second.id, { name: 'Support' })).status).toBe(200);
    for (const [field, json] of [
      ['memberIds.0', { memberIds: [other.memberId] }],
      ['keyIds.0', { keyIds: [other.key.keyId] }],
      ['name', { name: '' }],
      ['colour', { colour: 'red' }],
    ] as const) {
      const refused = await change(group.id, json);
      expect([refused.status, await refused.json()]).toMatchObject([
        422,
        { error: { issues: [{ path: field }] } },
      ]);
    }
    expect(
      (await fetch('/api/keys', { json: { name: 'k', role: 'runner', groupId: 'grp_no' } })).status,
    ).toBe(422);
    const key = await fetch('/api/keys', { json: { name: 'k', role: 'runner', groupId: group.id } });
    expect([key.status, await key.json()]).toMatchObject([201, { groupId: group.id }]);
    await fetch(`${path}/${group.id}`, { method: 'DELETE' });
    expect((await fetch(path, { json: { name: 'Sales' } })).status).toBe(201);
  });

  it('are the business of admins, and of their own team', async () => {
    const { fetch, path, teamId } = await ada();
    const group = await made(fetch(path, { json: { name: 'Sales' } }));
    const editor = await makeKey(teamId, 'editor');
    const stranger = await makeTeam();
    expect((await anonymous(path)).status).toBe(401);
    expect((await editor.fetch(path)).status).toBe(200);
    expect((await editor.fetch(path, { json: { name: 'Mine' } })).status).toBe(403);
    expect((await editor.fetch(`${path}/${group.id}`, { method: 'DELETE' })).status).toBe(403);
    expect((await stranger.fetch(path)).status).toBe(404);
    const theirs = `/api/teams/${stranger.teamId}/groups/${group.id}`;
    expect((await stranger.fetch(theirs, { method: 'DELETE' })).status).toBe(404);
    expect((await stranger.fetch(theirs, { method: 'PATCH', json: { name: 'x' } })).status).toBe(404);
  });

  it('count what their members and keys spend, in every group they are in, and only while they are in it', async () => {
    const person = await ada();
    const { fetch, path, memberId, key, teamId, change } = person;
    const research = await made(fetch(path, { json: { name: 'Research', memberIds: [memberId] } }));
    const board = await made(fetch(path, { json: { name: 'Board', memberIds: [memberId] } }));
    const bots = await made(fetch(path, { json: { name: 'Bots', keyIds: [key.keyId] } }));
    expect((await chat(fetch)).status).toBe(200);
    expect((await chat(key.fetch)).status).toBe(200);
    await key.fetch('/api/token-tracking/log', {
      json: { model: 'sandbox-small', inputTokens: 1, outputTokens: 1, memberId },
    });
    await change(board.id, { memberIds: [] });
    expect((await chat(fetch)).status).toBe(200);
    await expect
      .poll(() => groupSums(person), { timeout: 5000 })
      .toSatisfy((groups: { label: string; runs: number }[]) => {
        const runs = Object.fromEntries(groups.map(({ label, runs }) => [label, runs]));
        return runs.Research === 3 && runs.Board === 2 && runs.Bots === 2;
      });
    const rows = await fetch(`/api/token-tracking/ledger?groupId=${board.id}`);
    expect(
      ((await rows.json()) as { data: { groupIds: string[] }[] }).data.map(({ groupIds }) => groupIds),
    ).toEqual(
      [[bots.id, research.id, board.id].sort(), [research.id, board.id].sort()].map((ids) =>
        expect.toSatisfy((given: string[]) => [...given].sort().join() === ids.join()),
      ),
    );

    await fetch(`${path}/${research.id}`, { method: 'DELETE' });
    expect((await chat(fetch)).status).toBe(200);
    expect((await groupSums(person)).find(({ key }) => key === research.id)).toMatchObject({
      label: 'Research',
      runs: 3,
    });
    expect(await services(env).team(teamId).listBudgets()).toEqual([]);
  });

  it('have budgets, which count what was spent before they were made and refuse what does not fit', async () => {
    const { fetch, path, memberId, key } = await ada();
    const group = await made(fetch(path, { json: { name: 'Research', memberIds: [memberId] } }));
    await chat(fetch);
    const budget = (json: object) =>
      fetch('/api/token-tracking/budget', { json: { window: 'month', limitNanoUsd: 1, ...json } });
    const status = await budget({ scope: { type: 'group', id: group.id } });
    expect(status.status).toBe(201);
    expect(((await status.json()) as { spentNanoUsd: number }).spentNanoUsd).toBeGreaterThan(0);
    const refused = await chat(fetch);
    expect([refused.status, await refused.json()]).toMatchObject([
      402,
      { error: { code: 'budget_exceeded', scope: { type: 'group', id: group.id }, limit: 'window' } },
    ]);
    expect((await chat(key.fetch)).status).toBe(200);
    expect((await budget({ scope: { type: 'group', id: 'grp_none' } })).status).toBe(422);
    await fetch(`${path}/${group.id}`, { method: 'DELETE' });
    expect((await chat(fetch)).status).toBe(200);
    expect((await budget({ scope: { type: 'group', id: group.id } })).status).toBe(422);
  });
});
