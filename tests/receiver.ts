/** Somebody else's HTTP server on loopback: keeps what it is sent and answers as its address says. */
import { createServer } from 'node:http';

export interface Received {
  path: string;
  method: string;
  headers: Record<string, string>;
  body: string;
}

/**
 * `/x?fail=2&status=503` answers 503 twice, then 204; `&location=` and `&retryAfter=` add those headers; `?slow=ms` waits.
 * GET `/requests?path=/x` lists what came there.
 */
export async function startReceiver(port = 0) {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url!, 'http://localhost');
    if (request.method === 'GET' && url.pathname === '/requests') {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(received.filter(({ path }) => path === url.searchParams.get('path'))));
      return;
    }
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString('utf8')));
    request.on('end', () => {
      const { pathname: path, searchParams: asked } = url;
      const before = received.filter((one) => one.path === path).length;
      received.push({
        path,
        method: request.method!,
        headers: request.headers as Record<string, string>,
        body,
      });
      const fails = before < Number(asked.get('fail') ?? 0);
      if (fails && asked.has('location')) response.setHeader('location', asked.get('location')!);
      if (fails && asked.has('retryAfter')) response.setHeader('retry-after', asked.get('retryAfter')!);
      setTimeout(
        () => {
          response.statusCode = fails ? Number(asked.get('status') ?? 503) : 204;
          response.end(fails ? `not now: ${'x'.repeat(2000)}` : undefined);
        },
        fails ? Number(asked.get('slow') ?? 0) : 0,
      );
    });
  });
  await new Promise<void>((listening) => server.listen(port, '127.0.0.1', listening));
  const { port: taken } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${taken}`,
    port: taken,
    received,
    close: () =>
      new Promise<void>((closed) => {
        server.closeAllConnections();
        server.close(() => closed());
      }),
  };
}
