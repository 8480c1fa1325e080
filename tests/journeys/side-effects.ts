/** Somebody else's API on loopback: takes its time, counts what it was told under each idempotency key, and how much at one time. */
import { createServer } from 'node:http';

export async function startSideEffects({ delayMs = 0 }: { delayMs?: number } = {}) {
  /** deliveries by idempotency key */
  const told = new Map<string, { path: string; times: number }>();
  const inFlight = new Map<string, number>();
  const most = new Map<string, number>();
  const server = createServer((request, response) => {
    const key = request.headers['idempotency-key'];
    const url = new URL(request.url!, 'http://localhost');
    const { pathname: path } = url;
    if (typeof key === 'string') told.set(key, { path, times: (told.get(key)?.times ?? 0) + 1 });
    const going = (inFlight.get(path) ?? 0) + 1;
    inFlight.set(path, going);
    most.set(path, Math.max(most.get(path) ?? 0, going));
    const waitMs = Number(url.searchParams.get('ms') ?? delayMs);
    request.resume();
    let done = false;
    response.on('close', () => {
      if (!done) inFlight.set(path, inFlight.get(path)! - 1);
      done = true;
    });
    setTimeout(() => {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ path }));
    }, waitMs);
  });
  server.keepAliveTimeout = 75_000;
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    told,
    /** requests to this path at one time, at most so far */
    most: (path: string) => most.get(path) ?? 0,
    close: () => new Promise<void>((closed) => (server.closeAllConnections(), server.close(() => closed()))),
  };
}
