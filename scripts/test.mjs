// npm test: everything. Pure tests and tests in the Workers runtime with coverage, then journeys against the started server, then the browser.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { build } from './build.mjs';

function run(title, command, args, env = {}) {
  console.log(`\n== ${title}`);
  const started = Date.now();
  const done = spawnSync(command, args, { stdio: 'inherit', env: { ...process.env, ...env } });
  console.log(
    `== ${title}: ${done.status === 0 ? 'passed' : 'FAILED'} in ${Math.round((Date.now() - started) / 1000)} s`,
  );
  if (done.status !== 0) process.exit(done.status ?? 1);
}

/** Debian's Chromium: found on the PATH, else installed when we may, else said. */
function chromium() {
  const find = () =>
    spawnSync(
      'sh',
      ['-c', 'command -v chromium || command -v chromium-browser || command -v google-chrome'],
      { encoding: 'utf8' },
    ).stdout.trim();
  if (process.env.CHROMIUM && existsSync(process.env.CHROMIUM)) return process.env.CHROMIUM;
  if (find()) return find();
  if (process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    console.log('Installing Chromium (apt-get install chromium) ...');
    spawnSync(
      'sh',
      ['-c', 'apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium'],
      { stdio: ['ignore', 'ignore', 'inherit'] },
    );
    if (find()) return find();
  }
  console.error(
    'The browser tests need Chromium: install it (Debian: apt-get install chromium) or set CHROMIUM to its path.',
  );
  process.exit(1);
}

const only = process.argv[2];
const wants = (part) => !only || only === part;

build();
if (wants('unit'))
  run('Pure tests and tests in the Workers runtime, with coverage of worker/ and durable/', 'vitest', [
    'run',
    '--project',
    'pure',
    '--project',
    'workers',
    '--coverage',
  ]);
if (wants('journeys')) run('Journeys against the started server', 'vitest', ['run', '--project', 'journeys']);
if (wants('browser'))
  run('Browser tests', 'playwright', ['test', ...process.argv.slice(3)], { CHROMIUM: chromium() });
