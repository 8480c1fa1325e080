// npm start: build what changed, migrate, seed an empty data folder, serve, tick the crons, stop cleanly.
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import { build } from './build.mjs';
import { childrenNamed, isAlive, whenParentDies } from './processes.mjs';
import { keepSecrets, readSettings } from './settings.mjs';

function giveUp(message) {
  console.error(message);
  process.exit(1);
}

let settings;
try {
  settings = readSettings(process.env);
} catch (error) {
  giveUp(error.message);
}

/** Waits a little for a server that is just being stopped; a port that stays taken is said in one line. */
async function portIsFree(port, triesLeft = 20) {
  const free = await new Promise((answer) => {
    const probe = createServer().once('error', () => answer(false));
    probe.listen(port, '0.0.0.0', () => probe.close(() => answer(true)));
  });
  if (free) return;
  if (triesLeft === 0) giveUp(`Port ${port} is in use. Set PORT to another one.`);
  await new Promise((later) => setTimeout(later, 250));
  await portIsFree(port, triesLeft - 1);
}
await portIsFree(settings.port);

build();
// the runtime's libraries are loaded only now: a wrong setting is said at once
const { startServer } = await import('./server.mjs');
const secrets = keepSecrets(settings.dataDir, { ...settings, masterKey: settings.vars.MASTER_KEY });
const operatorToken = randomBytes(24).toString('hex');

let server;
let runtime = [];
async function serve() {
  server = await startServer({
    ...settings,
    vars: { ...settings.vars, MASTER_KEY: secrets.masterKey, OPERATOR_TOKEN: operatorToken },
  }).catch((error) => giveUp(`The server did not start: ${error.message}`));
  runtime = childrenNamed('workerd');
  process.send?.({ runtime });
}

const tick = (cron) =>
  server.tick(cron).catch((error) => stopping || console.error(`cron: ${error.message}`));

let stopping = false;
async function stop(code = 0) {
  if (stopping) return;
  stopping = true;
  setTimeout(() => process.exit(code), 5000).unref();
  await server?.stop().catch(() => {});
  process.exit(code);
}
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];
whenParentDies(() => stop());
await serve();
// Miniflare's own handlers exit with 143 before its state is closed; ours stop it first
for (const signal of SIGNALS) process.removeAllListeners(signal).on(signal, () => stop());

// a runtime that was killed is started again: its state is on disk
setInterval(async function watchRuntime() {
  if (stopping || runtime.length === 0 || runtime.every(isAlive)) return;
  runtime = [];
  console.error('The runtime died; starting it again.');
  await server.stop().catch(() => {});
  await serve();
  tick('@start');
}, 300).unref();

await server.migrate();
const seeded = await fetch(`${server.url}/api/operator/seed`, {
  method: 'POST',
  headers: { 'content-type': 'application/json', 'x-operator-token': operatorToken },
  body: JSON.stringify({ password: secrets.demoPassword, apiKey: secrets.demoApiKey }),
});
if (!seeded.ok && seeded.status !== 404) {
  console.error(`The demo team could not be made: ${seeded.status} ${await seeded.text()}`);
  await stop(1);
}

// crons fire at the start (what a crash left behind goes on at once) and at every full minute
tick('@start');
(function nextMinute() {
  setTimeout(
    () => {
      tick();
      nextMinute();
    },
    60_000 - (Date.now() % 60_000),
  ).unref();
})();
setInterval(() => {}, 1 << 30);

console.log(`Prompt Manage is at ${server.url}`);
console.log(`demo sign-in: demo@example.com / ${secrets.demoPassword}`);
console.log(`demo API key: ${secrets.demoApiKey}`);
