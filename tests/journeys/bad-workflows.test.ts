/** What people and other systems get wrong, told to the really started server: refused at the earliest moment with the place named, or failed in its node. No run stays. */
import { createHmac } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, freePort, freshFolder, startServer, type Started } from './server.ts';
import { ENDED, makeWorkflow, trigger, type Step } from './workflow.ts';

const folder = freshFolder();
let server: Started;
let outside: Server;
let outsideUrl: string;
/** bytes of the endless answer that were taken off our hands */
let sentBytes = 0;

beforeAll(async () => {
  outside = createServer((request, response) => {
    if (request.url === '/slow') return void setTimeout(() => response.end('{}'), 1_500);
    // 100 MB, in pieces of 1 MB
    const piece = Buffer.alloc(1 << 20, 'x');
    let left = 100;
    const send = (): void => {
      while (left-- > 0) {
        sentBytes += piece.length;
        if (!response.write(piece)) return void response.once('drain', send);
      }
      response.end();
    };
    send();
  });
  await new Promise<void>((listening) => outside.listen(0, '127.0.0.1', listening));
  outsideUrl = `http://127.0.0.1:${(outside.address() as { port: number }).port}`;
  server = await startServer({ port: await freePort(), dataDir: folder.dataDir });
});
afterAll(async () => {
  await server.stop();
  outside.closeAllConnections();
  outside.close();
  folder.remove();
});

const start: Step = { id: 'start', kind: 'trigger', config: { on: 'api' } };
const step = (id: string, expression = '1', more: Partial<Step> = {}): Step => ({
  id,
  kind: 'transform',
  config: { expression },
  ...more,
});
type Way = [source: string, target: string];
const draft = (steps: Step[], ways: Way[]) => ({
  name: 'Wrong',
  nodes: steps,
  edges: ways.map(([source, target], i) => ({ id: `e${i}`, source, target })),
});
const saved = (steps: Step[], ways: Way[]) => server.api('POST', '/api/workflows', draft(steps, ways));
const ended = (id: string) =>
  eventually(
    async () => (await server.api('GET', `/api/executions/${id}`)).body,
    ({ status }) => ENDED.includes(status),
  );
/** Runs `start` and then these; answers how it ended. */
const ran = async (...steps: Step[]) => {
  const workflowId = await makeWorkflow(server, { name: 'Wrong', steps: [start, ...steps] });
  return ended(await trigger(server, workflowId, {}));
};

describe('a definition that cannot be', () => {
  it.each<[string, Step[], Way[], string, RegExp]>([
    [
      'a cycle',
      [start, step('a'), step('b')],
      [
        ['start', 'a'],
        ['a', 'b'],
        ['b', 'a'],
      ],
      'edges',
      /"a" -> "b" -> "a" form a cycle/,
    ],
    ['an edge into nowhere', [start, step('a')], [['start', 'gone']], 'edges.0.target', /no node "gone"/],
    [
      'a body node whose map is gone',
      [start, step('a', '1', { parentId: 'gone' })],
      [],
      'nodes.1.parentId',
      /no node "gone"/,
    ],
    [
      'a body node inside what is no map',
      [start, step('a'), step('b', '1', { parentId: 'a' })],
      [['start', 'a']],
      'nodes.2.parentId',
      /"a" is a transform; only a map/,
    ],
    [
      'an edge out of a map',
      [
        start,
        { id: 'each', kind: 'map', config: { items: '[1]' } },
        step('inside', '1', { parentId: 'each' }),
        step('outside'),
      ],
      [
        ['start', 'each'],
        ['inside', 'outside'],
      ],
      'edges.1.target',
      /"inside" and "outside" do not stand in the same map/,
    ],
    [
      'a cron that never comes',
      [
        { id: 'start', kind: 'trigger', config: { on: 'schedule', cron: '0 0 31 2 *', timeZone: 'UTC' } },
        step('a'),
      ],
      [['start', 'a']],
      'nodes.0.config.cron',
      /never fires/,
    ],
    [
      'a time zone that is none',
      [
        {
          id: 'start',
          kind: 'trigger',
          config: { on: 'schedule', cron: '0 9 * * *', timeZone: 'Mars/Phobos' },
        },
        step('a'),
      ],
      [['start', 'a']],
      'nodes.0.config.timeZone',
      /Mars\/Phobos/,
    ],
  ])('is never stored: %s', async (_, steps, ways, path, message) => {
    const { status, body } = await saved(steps, ways);
    expect(status).toBe(422);
    expect(body.error.issues).toEqual([{ path, message: expect.stringMatching(message) }]);
  });

  it.each<[string, Step[], Way[], string, RegExp]>([
    [
      'two triggers',
      [start, { ...start, id: 'again' }, step('a')],
      [
        ['start', 'a'],
        ['again', 'a'],
      ],
      'nodes.1',
      /"again" is a second trigger beside "start"/,
    ],
    [
      'an expression that is none',
      [start, step('a', '$sum(')],
      [['start', 'a']],
      'nodes.1.config.expression',
      /./,
    ],
  ])(
    'is a draft that says why it is neither run nor published: %s',
    async (_, steps, ways, path, message) => {
      const { status, body } = await saved(steps, ways);
      expect(status).toBe(201);
      const problem = { path, message: expect.stringMatching(message) };
      expect(body.problems).toEqual([problem]);
      for (const what of ['trigger', 'publish']) {
        const refused = await server.api('POST', `/api/workflows/${body.id}/${what}`, {});
        expect(refused.status).toBe(422);
        expect(refused.body.error.issues).toEqual([problem]);
      }
    },
  );
});

describe('an expression without end', () => {
  it.each<[string, string, RegExp]>([
    ['goes round for ever', '($f := function($n) { $f($n + 1) }; $f(1))', /timeout after 1000 milliseconds/],
    ['goes deeper for ever', '($f := function($n) { 1 + $f($n + 1) }; $f(1))', /Stack overflow/],
    [
      'builds a text of 1 GB',
      '$reduce([1..30], function($text, $_) { $text & $text }, "0123456789")',
      /text of more than 2000000 characters/,
    ],
    ['pads to 1 GB', '$pad("x", 1000000000)', /text of more than 2000000 characters/],
    ['makes a list of a thousand million', '$count([1..1000000000])', /must not exceed 1e7/],
  ])('fails in its node, named, and holds up nobody: %s', async (_, expression, message) => {
    const [run] = await Promise.all([ran(step('wild', expression)), ran(step('tame'))]);
    expect(run.status).toBe('failed');
    expect(run.error).toMatchObject({ nodeId: 'wild', field: 'expression' });
    expect(run.error.message).toMatch(message);
  });

  it('is bounded in a template, too', async () => {
    const endless = '{% for i in (1..100000000) %}{{ i }}{% endfor %}';
    const run = await ran({ id: 'keep', kind: 'output', config: { value: endless } });
    expect(run.status).toBe('failed');
    expect(run.error).toMatchObject({
      nodeId: 'keep',
      field: 'value',
      message: expect.stringMatching(/more than 10000000 characters/),
    });
  });
});

describe('a webhook', () => {
  it('takes what is signed, now and once: another signature, an old one or a repeat begins nothing', async () => {
    const id = await makeWorkflow(server, {
      name: 'Hook',
      steps: [{ id: 'start', kind: 'trigger', config: { on: 'webhook' } }, step('a')],
    });
    await server.api('POST', `/api/workflows/${id}/publish`, {});
    const { url, secret } = (await server.api('POST', `/api/workflows/${id}/webhook`, {})).body;
    const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
    const call = async (
      eventId: string,
      { body = '{"n":1}', signed = body, ageS = 0 }: { body?: string; signed?: string; ageS?: number } = {},
    ) => {
      const at = String(Math.floor(Date.now() / 1000) - ageS);
      const signature = createHmac('sha256', key).update(`${eventId}.${at}.${signed}`).digest('base64');
      const headers = {
        'webhook-id': eventId,
        'webhook-timestamp': at,
        'webhook-signature': `v1,${signature}`,
      };
      const response = await fetch(url, { method: 'POST', body, headers });
      return { status: response.status, body: (await response.json()) as any };
    };
    const wrong = await call('one', { signed: '{"n":2}' });
    expect([wrong.status, wrong.body.error.message]).toEqual([
      401,
      expect.stringMatching(/signature does not fit/),
    ]);
    expect((await call('one', { ageS: 301 })).status).toBe(401);
    const taken = await call('one');
    expect(taken.status).toBe(202);
    expect(await call('one', { body: '{"n":3}' })).toEqual(taken);
    await ended(taken.body.executionId);
    const runs = await server.api('GET', `/api/executions?workflowId=${id}`);
    expect(runs.body.data).toHaveLength(1);
  });
});

describe('the other side', () => {
  it('sends 100 MB: the node fails as soon as that is more than it takes', async () => {
    const run = await ran({ id: 'get', kind: 'http', config: { method: 'GET', url: outsideUrl } });
    expect(run.status).toBe('failed');
    expect(run.error).toMatchObject({ nodeId: 'get', message: expect.stringMatching(/5 MB|5242880/) });
    expect(sentBytes).toBeLessThan(30 << 20);
  });

  it('changes under a run: a workflow that is deleted lets its run end with the version it began with', async () => {
    const steps = [
      { id: 'get', kind: 'http', config: { method: 'GET', url: `${outsideUrl}/slow` } },
      step('after', '7'),
    ];
    const workflowId = await makeWorkflow(server, { name: 'Short-lived', steps: [start, ...steps] });
    const runId = await trigger(server, workflowId, {});
    expect((await server.api('DELETE', `/api/workflows/${workflowId}`)).status).toBe(200);
    const run = await ended(runId);
    expect(run.status).toBe('completed');
    expect(run.nodes.find(({ nodeId }: { nodeId: string }) => nodeId === 'after').output).toBe(7);
  });
});
