// npm test: everything. Pure tests and tests in the Workers runtime with coverage, then journeys against the started server
// beside the fuzz, then the browser. One part alone: npm test -- unit | journeys | fuzz | browser.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { build } from './build.mjs';

/** Runs a part; `aside` holds its output back until it is done, for a part that runs beside another. Answers whether it passed. */
function run(title, command, args, { env = {}, aside = false } = {}) {
  if (!aside) console.log(`\n== ${title}`);
  const started = Date.now();
  const child = spawn(command, args, {
    stdio: aside ? ['ignore', 'pipe', 'pipe'] : 'inherit',
    env: { ...process.env, ...env },
  });
  const kept = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => kept.push(chunk));
  return new Promise((done) => {
    child.on('error', (error) => (console.error(`${command}: ${error.message}`), done(false)));
    child.on('close', (code) => {
      if (aside) process.stdout.write(Buffer.concat([Buffer.from(`\n== ${title}\n`), ...kept]));
      const seconds = Math.round((Date.now() - started) / 1000);
      console.log(`== ${title}: ${code === 0 ? 'passed' : 'FAILED'} in ${seconds} s`);
      done(code === 0);
    });
  });
}

/** Parts that run at the same time; what comes after them runs only when all have passed. */
async function together(...parts) {
  if ((await Promise.all(parts)).includes(false)) process.exit(1);
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
  await together(
    run('Pure tests and tests in the Workers runtime, with coverage of worker/ and durable/', 'vitest', [
      'run',
      '--project',
      'pure',
      '--project',
      'workers',
      '--coverage',
    ]),
  );
// the journeys mostly wait, the fuzz only computes
await together(
  ...(wants('journeys')
    ? [run('Journeys against the started server', 'vitest', ['run', '--project', 'journeys'])]
    : []),
  ...(wants('fuzz')
    ? [run('Fuzz of paid streams', 'vitest', ['run', '--project', 'fuzz'], { aside: wants('journeys') })]
    : []),
);
if (wants('browser'))
  await together(
    run('Browser tests', 'playwright', ['test', ...process.argv.slice(3)], { env: { CHROMIUM: chromium() } }),
  );
