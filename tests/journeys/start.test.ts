import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { eventually, freePort, freshFolder, startServer } from './server.ts';

const root = resolve(import.meta.dirname, '../..');
const folder = freshFolder();
afterAll(folder.remove);

describe('npm start', () => {
  it('prints address, sign-in and key last, uses the key it is given, and stops cleanly', async () => {
    const port = await freePort();
    const key = 'pm_journey_0123456789abcdef0123';
    const server = await startServer({ port, dataDir: folder.dataDir, env: { DEMO_API_KEY: key } });
    expect(server.log().trimEnd().split('\n').slice(-3)).toEqual([
      `Prompt Manage is at http://localhost:${port}`,
      `demo sign-in: demo@example.com / ${server.password}`,
      `demo API key: ${key}`,
    ]);
    expect((await server.api('GET', '/api/health')).body).toMatchObject({ status: 'ok' });
    expect((await server.api('GET', '/api/me')).body).toMatchObject({ role: 'admin' });
    expect((await fetch(server.url)).headers.get('content-type')).toContain('text/html');
    expect(await server.stop()).toBe(0);
    await expect(fetch(server.url)).rejects.toThrow();
  });

  it('survives kill -9: the next start has the same key, password and data', async () => {
    const port = await freePort();
    const first = await startServer({ port, dataDir: folder.dataDir });
    const made = await first.api('POST', '/api/prompts', {
      name: 'kept',
      content: { prompt: 'Say hello to {{name}}', model: 'sandbox-small' },
    });
    expect(made.status).toBe(201);
    await first.kill9();
    const second = await startServer({ port, dataDir: folder.dataDir });
    expect(second.password).toBe(first.password);
    expect(second.apiKey).toBe(first.apiKey);
    const again = await eventually(
      () => second.api('GET', `/api/prompts/${made.body.id}`),
      (answer) => answer.status === 200,
    );
    expect(again.body).toMatchObject({ name: 'kept' });
    await second.stop();
  });

  it.each([
    [{ PORT: 'abc' }, 'PORT must be a port number'],
    [{ DEMO_API_KEY: 'pm_x_short' }, 'DEMO_API_KEY must look like'],
    [{ OPENAI_BASE_URL: 'not a url' }, 'OPENAI_BASE_URL'],
    [{ ALLOW_PRIVATE_NETWORK: 'maybe' }, 'ALLOW_PRIVATE_NETWORK'],
    [{ MASTER_KEY: 'short' }, 'MASTER_KEY: must be 32 bytes'],
    [{ DEMO_API_KEYS: 'typo' }, 'DEMO_API_KEYS is not a setting'],
  ])('stops with one clear line for %o', (env, line) => {
    const run = spawnSync(process.execPath, ['scripts/launch.mjs', 'start'], {
      cwd: root,
      encoding: 'utf8',
      env: { PATH: process.env.PATH, HOME: process.env.HOME, DATA_DIR: folder.dataDir, ...env },
    });
    expect(run.status).toBe(1);
    expect(run.stderr.trim().split('\n')).toHaveLength(1);
    expect(run.stderr).toContain(line);
  });
});
