/** The really started server, as a person starts it: `npm start`'s launcher as a process of its own, on a port and data folder of its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');

export async function freePort(): Promise<number> {
  return await new Promise((done) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => done(port));
    });
  });
}

export interface Started {
  url: string;
  apiKey: string;
  password: string;
  log: () => string;
  /** fetch with the demo key, JSON in and out */
  api: <T = any>(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ) => Promise<{ status: number; body: T; headers: Headers }>;
  stop: () => Promise<number | null>;
  /** SIGKILL for the whole group, as a power cut would */
  kill9: () => Promise<void>;
}

const running = new Set<Started>();

/** Ends what a failed test left running: its second try has the machine for itself. */
export async function killLeftovers(): Promise<void> {
  await Promise.all([...running].map((server) => server.kill9()));
}

/** Starts and waits for the last line it promises; throws with its output when it does not come. */
export async function startServer(options: {
  port: number;
  dataDir: string;
  env?: Record<string, string>;
}): Promise<Started> {
  let log = '';
  const child: ChildProcess = spawn(
    '/bin/sh',
    ['-c', `exec "${process.execPath}" scripts/launch.mjs start`],
    {
      cwd: root,
      detached: true,
      env: {
        PATH: process.env.PATH,
        HOME: process.env.HOME,
        npm_execpath: process.env.npm_execpath,
        PORT: String(options.port),
        DATA_DIR: options.dataDir,
        ...options.env,
      },
    },
  );
  child.stdout!.on('data', (chunk) => (log += chunk));
  child.stderr!.on('data', (chunk) => (log += chunk));
  const exited = new Promise<number | null>((done) => child.on('exit', (code) => done(code)));
  const apiKey = await new Promise<string>((done, fail) => {
    const timer = setTimeout(() => fail(new Error(`not started in 200 s:\n${log}`)), 200_000);
    exited.then((code) => fail(new Error(`exited with ${code} before it was ready:\n${log}`)));
    child.stdout!.on('data', () => {
      const key = /demo API key: (pm_\S+)\n/.exec(log)?.[1];
      if (key) {
        clearTimeout(timer);
        done(key);
      }
    });
  });
  const url = `http://localhost:${options.port}`;
  const started: Started = {
    url,
    apiKey,
    password: /demo sign-in: demo@example\.com \/ (\S+)/.exec(log)![1]!,
    log: () => log,
    async api(method, path, body, headers = {}) {
      const response = await fetch(url + path, {
        method,
        headers: {
          authorization: `Bearer ${apiKey}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        body: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body),
      });
      const text = await response.text();
      return {
        status: response.status,
        headers: response.headers,
        body: /json/.test(response.headers.get('content-type') ?? '') ? JSON.parse(text) : text,
      };
    },
    async stop() {
      child.kill('SIGTERM');
      return await exited;
    },
    async kill9() {
      process.kill(-child.pid!, 'SIGKILL');
      await exited;
    },
  };
  running.add(started);
  void exited.then(() => running.delete(started));
  return started;
}

/** A fresh data folder that is removed afterwards. */
export function freshFolder() {
  const dataDir = mkdtempSync(join(tmpdir(), 'prompt-manage-'));
  return { dataDir, remove: () => rmSync(dataDir, { recursive: true, force: true }) };
}

/** Asks until the answer is right; fails with the last answer when the time is over. */
export async function eventually<T>(
  ask: () => Promise<T>,
  right: (value: T) => boolean,
  timeoutMs = 60_000,
): Promise<T> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const value = await ask();
    if (right(value)) return value;
    if (Date.now() > end) throw new Error(`still not so after ${timeoutMs} ms: ${JSON.stringify(value)}`);
    await new Promise((later) => setTimeout(later, 100));
  }
}
