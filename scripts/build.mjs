// Builds what the server runs: price table, tokenizer ranks, web pages, Worker bundle. Each step is skipped when the files it reads are unchanged.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(fileURLToPath(import.meta.url), '..', '..');

/** @type {{name: string, reads: string[], writes: string, run: string[][], cwd?: string}[]} */
const STEPS = [
  {
    name: 'prices',
    reads: ['scripts/build-prices.mjs', 'package-lock.json'],
    writes: 'worker/generated/prices.json',
    run: [['node', 'scripts/build-prices.mjs']],
  },
  {
    name: 'tokenizer ranks',
    reads: ['scripts/build-tokenizer.mjs', 'package-lock.json'],
    writes: 'web/static/tokenizer',
    run: [['node', 'scripts/build-tokenizer.mjs']],
  },
  {
    name: 'web pages',
    reads: [
      'web/src',
      'web/static',
      'web/vite.config.ts',
      'web/wrangler.adapter.jsonc',
      'web/tsconfig.json',
      'worker/domain',
      'worker/http',
      'package-lock.json',
    ],
    writes: 'web/.svelte-kit/cloudflare/_worker.js',
    run: [['vite', 'build', '--logLevel', 'error']],
    cwd: 'web',
  },
  {
    name: 'Worker',
    reads: [
      'worker',
      'durable',
      'examples',
      'web/.svelte-kit/cloudflare',
      'wrangler.toml',
      'package-lock.json',
    ],
    writes: 'dist/index.js',
    run: [['wrangler', 'deploy', '--dry-run', '--minify', '--outdir', 'dist']],
  },
];

const SKIP = /(\.test\.ts|\.DS_Store)$/;

function fingerprint(paths) {
  const hash = createHash('sha256');
  const visit = (path) => {
    if (!existsSync(path) || SKIP.test(path)) return;
    if (statSync(path).isDirectory())
      return readdirSync(path)
        .sort()
        .forEach((name) => visit(join(path, name)));
    hash.update(path.slice(root.length)).update('\0').update(readFileSync(path)).update('\0');
  };
  paths.forEach((path) => visit(join(root, path)));
  return hash.digest('hex');
}

/** Runs every step whose inputs changed; exits the process with its output when one fails. Answers the names of those that ran. */
export function build({ quiet = false } = {}) {
  const stampFile = join(root, 'dist', '.stamps.json');
  const stamps = existsSync(stampFile) ? JSON.parse(readFileSync(stampFile, 'utf8')) : {};
  const ran = [];
  for (const step of STEPS) {
    if (step.run[0][0] === 'node' && !existsSync(join(root, step.run[0][1]))) continue; // until it has landed
    const now = fingerprint(step.reads);
    if (stamps[step.name] === now && existsSync(join(root, step.writes))) continue;
    if (!quiet) console.log(`Building ${step.name} ...`);
    for (const [command, ...args] of step.run) {
      const done = spawnSync(command, args, {
        cwd: join(root, step.cwd ?? '.'),
        encoding: 'utf8',
        env: { ...process.env, NODE_ENV: 'production' },
      });
      if (done.status !== 0) {
        console.error(done.stdout, done.stderr);
        console.error(`Building ${step.name} failed.`);
        process.exit(1);
      }
    }
    stamps[step.name] = now;
    ran.push(step.name);
    mkdirSync(join(root, 'dist'), { recursive: true });
    writeFileSync(stampFile, JSON.stringify(stamps));
  }
  return ran;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) build();
