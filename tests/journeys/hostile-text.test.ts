import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort, freshFolder, startServer, type Started } from './server.ts';

const folder = freshFolder();
let server: Started;

beforeAll(async () => {
  server = await startServer({ port: await freePort(), dataDir: folder.dataDir });
});
afterAll(async () => {
  await server.stop();
  folder.remove();
});

const KB200 = 200 * 1024;
const HOSTILE = {
  'one letter': 'a'.repeat(KB200),
  base64: Buffer.from(Array.from({ length: KB200 }, (_, i) => (i * 7919) % 256))
    .toString('base64')
    .slice(0, KB200),
  emoji: '😀'.repeat(KB200 / 4),
};

describe('hostile text', () => {
  it.each(Object.entries(HOSTILE))(
    '200 KB of %s is estimated while the server keeps answering others',
    async (_name, text) => {
      let slowest = 0;
      let running = true;
      const others = (async () => {
        while (running) {
          const started = performance.now();
          await server.api('GET', '/api/health');
          slowest = Math.max(slowest, performance.now() - started);
        }
      })();
      const estimate = await server.api('POST', '/api/token-tracking/estimate', {
        model: 'sandbox-small',
        text,
      });
      running = false;
      await others;
      expect(estimate.status).toBe(200);
      expect(estimate.body.inputTokens).toBeGreaterThan(1000);
      // a bound a hundred times above what is normal: a server that stands still while it counts would be seen
      expect(slowest).toBeLessThan(2000);
    },
  );
});
