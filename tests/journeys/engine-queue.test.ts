import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, freePort, freshFolder, startServer, type Started } from './server.ts';
import { startSideEffects } from './side-effects.ts';

const folder = freshFolder();
const env = { ALLOW_PRIVATE_NETWORK: '1' };
let outside: Awaited<ReturnType<typeof startSideEffects>>;
let server: Started;
let port: number;
beforeAll(async () => {
  outside = await startSideEffects();
  port = await freePort();
  server = await startServer({ port, dataDir: folder.dataDir, env });
});
afterAll(async () => {
  await server?.stop();
  await outside?.close();
  folder.remove();
});

type Row = { id: string; status: string; startedAt: string; endedAt: string };
const ENDED = ['completed', 'failed', 'cancelled', 'needs_review'];
const position = { x: 0, y: 0 };
const trigger = { id: 'start', kind: 'trigger', position, config: { on: 'api' } };
const call = (id: string, method: string, path: string, more: object = {}) => ({
  id,
  kind: 'http',
  position,
  config: { method, url: `${outside.url}${path}`, ...(method === 'GET' ? {} : { body: { id } }), ...more },
});
const chain = (...ids: string[]) =>
  ids.slice(1).map((target, at) => ({ id: `${ids[at]}-${target}`, source: ids[at], target }));

async function made(definition: object): Promise<string> {
  const { status, body } = await server.api('POST', '/api/workflows', { name: 'Journey', ...definition });
  expect(status, JSON.stringify(body)).toBe(201);
  return body.id as string;
}
async function started(id: string): Promise<string> {
  const { status, body } = await server.api('POST', `/api/workflows/${id}/trigger`, { input: {} });
  expect(status, JSON.stringify(body)).toBe(202);
  return body.executionId as string;
}
async function all(id: string): Promise<Row[]> {
  const rows: Row[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const page: { body: { data: Row[]; nextCursor: string | null } } = await server.api(
      'GET',
      `/api/workflows/${id}/executions?limit=200${cursor ? `&cursor=${cursor}` : ''}`,
    );
    rows.push(...page.body.data);
    cursor = page.body.nextCursor;
  }
  return rows;
}

describe('runs of a workflow that limits them', () => {
  it('all finish, 1,000 of them over maxConcurrent 5, in order, with never more than 5 at one time', async () => {
    const id = await made({
      nodes: [trigger, call('work', 'GET', '/work?ms=10')],
      edges: chain('start', 'work'),
      settings: { maxConcurrent: 5 },
    });
    const accepted: string[] = [];
    for (let run = 0; run < 1000; run++) accepted.push(await started(id));
    const rows = await eventually(
      () => all(id),
      (found) => found.length === 1000 && found.every(({ status }) => ENDED.includes(status)),
      400_000,
    );
    expect(rows.filter(({ status }) => status !== 'completed')).toEqual([]);
    expect(outside.mostAtOnce()).toBeLessThanOrEqual(5);
    const by = new Map(rows.map((row) => [row.id, row]));
    const began = accepted.map((one) => Date.parse(by.get(one)!.startedAt));
    const ended = accepted.map((one) => Date.parse(by.get(one)!.endedAt));
    let most = 0;
    for (let run = 0; run < 1000; run++) {
      // by the runs' own clocks: how many others were under way when this one began
      let going = 0;
      for (let other = 0; other < 1000; other++)
        if (began[other]! <= began[run]! && ended[other]! > began[run]!) going++;
      most = Math.max(most, going);
      // who was granted in one breath begins in one breath: nobody overtakes more than those
      const overtaken = began.slice(0, run).filter((at) => at > began[run]!).length;
      expect(overtaken, `run ${run} overtook ${overtaken}`).toBeLessThan(5);
    }
    expect(most).toBeLessThanOrEqual(5);
  }, 600_000);
});
