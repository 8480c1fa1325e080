/** A loopback server for what workflows do in the world: keeps every request with its Idempotency-Key, answers after `delayMs`, and knows how many were there at once. */
import { createServer } from 'node:http';

export interface Effect {
  path: string;
  body: any;
  idempotencyKey: string | null;
}

export interface SideEffects {
  url: string;
  effects: Effect[];
  /** the most requests that were open at one time */
  mostAtOnce(): number;
  close: () => Promise<void>;
}

export async function startSideEffects({ delayMs = 0 } = {}): Promise<SideEffects> {
  const effects: Effect[] = [];
  let open = 0;
  let most = 0;
  const server = createServer(async (request, response) => {
    most = Math.max(most, ++open);
    response.on('close', () => open--);
    let text = '';
    for await (const chunk of request) text += chunk;
    effects.push({
      path: request.url!,
      body: text === '' ? null : JSON.parse(text),
      idempotencyKey: (request.headers['idempotency-key'] as string | undefined) ?? null,
    });
    await new Promise((later) => setTimeout(later, delayMs));
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ done: true }));
  });
  server.keepAliveTimeout = 75_000;
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    effects,
    mostAtOnce: () => most,
    close: () => new Promise((closed) => (server.closeAllConnections(), server.close(() => closed()))),
  };
}
