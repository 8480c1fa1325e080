// npm run dev: the API from the built Worker beside Vite with hot reload for the pages; the Worker is rebuilt and restarted when its sources change.
import { spawn } from 'node:child_process';
import { watch } from 'node:fs';

const port = process.env.PORT ?? '8787';
let server;
function startApi() {
  server = spawn('node', ['scripts/start.mjs'], { stdio: 'inherit', env: { ...process.env, PORT: port } });
}
startApi();
const vite = spawn('vite', ['dev', '--host', '127.0.0.1'], {
  cwd: 'web',
  stdio: 'inherit',
  env: { ...process.env, PORT: port },
});

let timer;
for (const folder of ['worker', 'durable']) {
  watch(folder, { recursive: true }, (_event, name) => {
    if (!name || /\.test\.ts$|generated/.test(name)) return;
    clearTimeout(timer);
    timer = setTimeout(() => {
      console.log(`${folder}/${name} changed: restarting the API`);
      server.once('exit', startApi);
      server.kill('SIGTERM');
    }, 200);
  });
}
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    vite.kill(signal);
    server.removeAllListeners('exit');
    server.once('exit', () => process.exit(0));
    server.kill('SIGTERM');
  });
}
vite.on('exit', () => server.kill('SIGTERM'));
