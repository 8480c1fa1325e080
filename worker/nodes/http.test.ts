import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { nodeContext, nodeContract } from '../../tests/contracts/node.ts';
import { isPrivateHost } from '../domain/access/private-address.ts';
import { http, type HttpDeps } from './http.ts';

nodeContract(http, {
  method: 'POST',
  url: 'https://example.com',
  headers: {},
  query: {},
  body: {},
  safeToRepeat: true,
});

type Config = Parameters<typeof http.run>[0];
let base: string;
let other: string;
const servers: ReturnType<typeof createServer>[] = [];
let seen: { method: string; path: string; headers: IncomingMessage['headers']; body: string }[] = [];
let sentBytes = 0;
let answer: (request: IncomingMessage, response: ServerResponse) => void;

async function serve(): Promise<string> {
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      seen.push({ method: request.method!, path: request.url!, headers: request.headers, body });
      answer(request, response);
    });
  });
  servers.push(server);
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
beforeAll(async () => void ([base, other] = [await serve(), await serve()]));
afterAll(() => servers.forEach((server) => (server.closeAllConnections(), server.close())));
beforeEach(() => {
  seen = [];
  sentBytes = 0;
  answer = (_, response) => response.setHeader('content-type', 'application/json').end('{"a":1}');
});

const deps: HttpDeps = {
  fetch: (...args) => fetch(...args),
  mayReach: () => true,
  listens: async () => true,
};
const run = async (config: Partial<Config>, more: Partial<HttpDeps> & { signal?: AbortSignal } = {}) => {
  const { signal, ...given } = more;
  const outcome = await http.run(
    { method: 'GET', url: base, ...config } as Config,
    nodeContext({ deps: { ...deps, ...given }, ...(signal ? { signal } : {}) }),
  );
  return (outcome.ok ? outcome.value.output : outcome.error) as Record<string, any>;
};
const says = (status: number, headers: Record<string, string> = {}, body = '') => {
  answer = (_, response) => response.writeHead(status, headers).end(body);
};

describe('http', () => {
  it('asks with query and headers, and gives status, headers and parsed JSON', async () => {
    const output = await run({
      url: `${base}/x?a=1`,
      query: { b: 'two words', n: 3 },
      headers: { 'X-Key': 'k' },
    });
    expect(output).toMatchObject({
      status: 200,
      body: { a: 1 },
      headers: { 'content-type': 'application/json' },
    });
    expect(seen[0]).toMatchObject({
      method: 'GET',
      path: '/x?a=1&b=two+words&n=3',
      headers: { 'x-key': 'k' },
    });
    expect(seen[0]!.headers['idempotency-key']).toBeUndefined();
  });

  it('sends JSON under the same idempotency key in every attempt', async () => {
    await run({ method: 'POST', body: { n: 1 } });
    await run({ method: 'POST', body: { n: 1 }, headers: { 'Idempotency-Key': 'of the workflow' } });
    for (const one of seen)
      expect(one).toMatchObject({
        method: 'POST',
        body: '{"n":1}',
        headers: { 'idempotency-key': 'abc', 'content-type': 'application/json' },
      });
  });

  it('hands a text on as it is, and what is neither text nor JSON in base64', async () => {
    says(200, { 'content-type': 'text/csv' }, 'a,b');
    expect(await run({})).toMatchObject({ body: 'a,b' });
    says(200, { 'content-type': 'image/png' }, '\x89PNG');
    expect(await run({})).toMatchObject({ bodyEncoding: 'base64', body: btoa('\xc2\x89PNG') });
    says(200, { 'content-type': 'application/json' }, 'not json');
    expect(await run({})).toMatchObject({ body: 'not json' });
    says(204);
    expect(await run({})).toMatchObject({ status: 204, body: null });
  });

  it.each([
    [429, 'not_sent'],
    [503, 'not_sent'],
    [400, 'refused'],
    [404, 'refused'],
    [500, 'unknown'],
    [502, 'unknown'],
    [504, 'unknown'],
  ])('meets a %i as %s', async (status, reason) => {
    says(status, { 'content-type': 'text/plain' }, 'no');
    expect(await run({})).toMatchObject({
      reason,
      message: expect.stringContaining(`answered ${status}: no`),
    });
  });

  it('waits as long as the answer asks', async () => {
    says(503, { 'retry-after': '7' });
    expect(await run({})).toMatchObject({ reason: 'not_sent', retryAfterMs: 7000 });
  });

  it('may be repeated when it only reads, or when the workflow says so', () => {
    const may = http.idempotent as (config: object) => boolean;
    expect(['GET', 'HEAD', 'POST', 'DELETE'].map((method) => may({ method }))).toEqual([
      true,
      true,
      false,
      false,
    ]);
    expect(may({ method: 'POST', safeToRepeat: true })).toBe(true);
    expect(may({ method: '{{ trigger.method }}' })).toBe(false);
  });

  it('knows a request that nobody got from one whose end nobody knows', async () => {
    expect(await run({ url: 'http://127.0.0.1:1' }, { listens: async () => false })).toMatchObject({
      reason: 'not_sent',
    });
    answer = (request) => request.socket.destroy();
    expect(await run({ method: 'POST' })).toMatchObject({
      reason: 'unknown',
      message: expect.stringContaining('broke'),
    });
    expect(await run({ method: 'POST' }, { listens: async () => false })).toMatchObject({
      reason: 'not_sent',
    });
  });

  it('ends when its time is over', async () => {
    answer = () => {};
    expect(await run({}, { signal: AbortSignal.timeout(50) })).toMatchObject({
      reason: 'unknown',
      message: expect.stringContaining('in time'),
    });
  });

  it.each(['says how much comes', 'just keeps sending'])(
    'refuses 100 MB from a server that %s, without reading them',
    async (how) => {
      const chunk = Buffer.alloc(1024 * 1024, 'x');
      answer = (_, response) => {
        response.writeHead(
          200,
          how.startsWith('says') ? { 'content-length': String(100 * chunk.length) } : {},
        );
        const more = () => {
          while (sentBytes < 100 * chunk.length && !response.destroyed) {
            sentBytes += chunk.length;
            if (!response.write(chunk)) return void response.once('drain', more);
          }
          response.end();
        };
        more();
      };
      expect(await run({})).toMatchObject({
        reason: 'refused',
        message: expect.stringContaining('more than 5 MB'),
      });
      expect(sentBytes).toBeLessThan(50 * chunk.length);
    },
  );

  describe('led elsewhere', () => {
    const redirect = (status: number, to: string) => {
      answer = (request, response) =>
        request.url === '/end'
          ? response.end('{"end":true}')
          : response.writeHead(status, { location: to }).end();
    };

    it('follows, and tells another host no secrets', async () => {
      redirect(302, `${other}/end`);
      expect(await run({ headers: { Authorization: 'Bearer secret', 'X-Api-Key': 'secret' } })).toMatchObject(
        { status: 200 },
      );
      expect(seen.map(({ headers }) => [headers.authorization, headers['x-api-key']])).toEqual([
        ['Bearer secret', 'secret'],
        [undefined, undefined],
      ]);
    });

    it.each([
      [302, 'GET', ''],
      [303, 'GET', ''],
      [307, 'POST', '{"n":1}'],
      [308, 'POST', '{"n":1}'],
    ])('goes on from a POST after %i with %s', async (status, method, body) => {
      redirect(status, '/end');
      await run({ method: 'POST', body: { n: 1 } });
      expect(seen[1]).toMatchObject({ method, body, path: '/end' });
    });

    it.each([
      'http://169.254.169.254/latest/meta-data',
      'http://localhost/x',
      'http://[::1]/',
      'http://2130706433/',
    ])('never into a private network: %s', async (to) => {
      redirect(302, to);
      const mayReach = (url: string) => url.startsWith(base) || !isPrivateHost(new URL(url).hostname);
      expect(await run({}, { mayReach })).toMatchObject({
        reason: 'refused',
        field: 'url',
        message: expect.stringContaining('private network'),
      });
      expect(seen).toHaveLength(1);
    });

    it.each(['file:///etc/passwd', 'ftp://example.com/'])('never to %s', async (to) => {
      redirect(302, to);
      expect(await run({})).toMatchObject({ reason: 'refused', field: 'url' });
    });

    it('not for ever', async () => {
      redirect(302, '/again');
      expect(await run({})).toMatchObject({ reason: 'refused', message: expect.stringContaining('5 times') });
      expect(seen).toHaveLength(6);
    });
  });

  it('is not sent into a private network at all', async () => {
    const mayReach = (url: string) => !isPrivateHost(new URL(url).hostname);
    expect(await run({}, { mayReach })).toMatchObject({ reason: 'refused', field: 'url' });
    expect(seen).toEqual([]);
  });

  it('keeps what the request carried out of its errors', async () => {
    answer = (request, response) =>
      response
        .writeHead(400, { 'content-type': 'text/plain' })
        .end(
          `bad key ${request.headers['x-key']} and ${new URL(request.url!, base).searchParams.get('token')}`,
        );
    const failure = await run({
      headers: { 'X-Key': 'hunter2-hunter2' },
      query: { token: 'a-secret-token' },
    });
    expect(failure).toMatchObject({ reason: 'refused', message: expect.stringContaining('[secret]') });
    expect(JSON.stringify(failure)).not.toMatch(/hunter2|a-secret-token/);
  });

  it.each([
    [{ method: 'GET', url: 'example.com' }, 'url'],
    [{ method: 'GET', url: 'javascript:alert(1)' }, 'url'],
    [{ method: 'GET', url: 'https://a', body: 1 }, 'body'],
    [{ method: 'GET', url: 'https://a', headers: { 'a b': 'c' } }, 'headers'],
    [{ method: 'TRACE', url: 'https://a' }, 'method'],
  ])('refuses %j at %s', (config, field) =>
    expect(http.configSchema.safeParse(config).error?.issues[0]?.path[0]).toBe(field),
  );

  it('refuses an address that a template made wrong', async () =>
    expect(await run({ url: 'nonsense' })).toMatchObject({ reason: 'refused', field: 'url' }));
});
