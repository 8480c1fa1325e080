// The local server: the deployed bundle inside workerd, with its state under one folder. Miniflare's JS API with a direct socket to the
// Worker: no proxy in front (measured against unstable_startWorker in docs/adr). Everything that knows about Miniflare is in this file.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from 'miniflare';
import { stampOf, writeWhole } from './fresh.mjs';

const root = join(fileURLToPath(import.meta.url), '..', '..');

/** wrangler.toml as Miniflare takes it. Kept beside the bundle: to load wrangler only for this takes a second of every start. */
async function workerOptionsOf(configFile) {
  const keptFile = join(root, 'dist', 'worker-options.json');
  const stamp = stampOf([configFile, join(root, 'package-lock.json')], [root]);
  const kept = existsSync(keptFile) ? JSON.parse(readFileSync(keptFile, 'utf8')) : null;
  if (kept?.stamp === stamp) return kept.workerOptions;
  const { unstable_getMiniflareWorkerOptions } = await import('wrangler');
  const { workerOptions } = unstable_getMiniflareWorkerOptions(configFile);
  writeWhole(keptFile, JSON.stringify({ stamp, workerOptions }));
  return workerOptions;
}

const network = (allow) => ({ network: { allow, tlsOptions: { trustBrowserCas: true } } });

/** Starts the built Worker. Answers its address and handles to migrate, tick the crons and stop. Throws when the port is taken. */
export async function startServer({
  port,
  dataDir,
  vars,
  host = '0.0.0.0',
  onLog = undefined,
  inspectorPort = undefined,
}) {
  const {
    modulesRules: _rules,
    cronTriggers: _crons,
    ...options
  } = await workerOptionsOf(join(root, 'wrangler.toml'));
  const extra = readdirSync(join(root, 'dist')).filter((name) => /\.(bin|txt|wasm|csv)$/.test(name));
  const type = (name) => (name.endsWith('.wasm') ? 'CompiledWasm' : name.endsWith('.bin') ? 'Data' : 'Text');
  const mf = new Miniflare(
    convertV4MiniflareOptions({
      host: '127.0.0.1',
      port: 0,
      log: new Log(LogLevel.WARN),
      cf: false,
      telemetry: { enabled: false },
      // for a CPU profile of the Worker with any DevTools client
      ...(inspectorPort ? { inspectorPort } : {}),
      resourcePersistencePath: dataDir,
      ...(onLog ? { handleStructuredLogs: onLog } : {}),
      workers: [
        {
          ...options,
          name: 'prompt-manage',
          rootPath: root,
          bindings: { ...options.bindings, ...vars },
          // providers are called without the detour through Miniflare's outbound Worker (worker/call-deps.ts)
          serviceBindings: {
            ...options.serviceBindings,
            NETWORK: network(['public', 'private']),
            PUBLIC_NETWORK: network(['public']),
          },
          modulesRoot: join(root, 'dist'),
          modules: [
            { type: 'ESModule', path: join(root, 'dist', 'index.js') },
            ...extra.map((name) => ({ type: type(name), path: join(root, 'dist', name) })),
          ],
          unsafeDirectSockets: [{ host, port }],
        },
      ],
    }),
  );
  await mf.ready;
  const url = await mf.unsafeGetDirectURL('prompt-manage');
  return {
    url: `http://localhost:${url.port}`,
    /** applies migrations/*.sql that D1 has not seen, each in one transaction */
    async migrate() {
      const db = await mf.getD1Database('DB', 'prompt-manage');
      await db
        .prepare('CREATE TABLE IF NOT EXISTS d1_migrations (name TEXT PRIMARY KEY, applied_at TEXT NOT NULL)')
        .run();
      const applied = new Set(
        (await db.prepare('SELECT name FROM d1_migrations').all()).results.map((row) => row.name),
      );
      const folder = join(root, 'migrations');
      for (const name of existsSync(folder)
        ? readdirSync(folder)
            .filter((file) => file.endsWith('.sql'))
            .sort()
        : []) {
        if (applied.has(name)) continue;
        // as one text: each statement handed over by itself crosses into the runtime, which took most of a first start
        const statements = readFileSync(join(folder, name), 'utf8').replaceAll(
          '--> statement-breakpoint',
          '',
        );
        const kept = `INSERT INTO d1_migrations VALUES ('${name}', datetime('now'))`;
        await db.batch([db.prepare(`${statements};\n${kept}`)]);
      }
    },
    /** one tick of the cron trigger: locally they never fire by themselves; '@start' once after a start (worker/cron/index.ts) */
    async tick(cron = '* * * * *') {
      const worker = await mf.getWorker('prompt-manage');
      const { outcome } = await worker.scheduled({ cron });
      if (outcome !== 'ok') throw new Error(`the scheduled handler ended as ${outcome}`);
    },
    stop: () => mf.dispose(),
  };
}
