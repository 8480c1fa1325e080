// npm run bench [name]: every claim's file in bench/, one after the other; each prints its figures. Ends with status 1 when one does not hold.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { build } from './build.mjs';

const CLAIMS = [
  'token-counting',
  'estimate',
  'reserve-settle',
  'gateway-latency',
  'gateway-throughput',
  'gateway-memory',
  'workflow',
  'dashboard',
];

build();
const wanted = process.argv[2];
for (const claim of CLAIMS.filter((name) => !wanted || name === wanted)) {
  const file = ['ts', 'mjs'].map((ending) => `bench/${claim}.${ending}`).find((path) => existsSync(path));
  if (!file) throw new Error(`bench/${claim} is missing`);
  console.log(`\n== ${claim}`);
  const done = spawnSync('node', [file], { stdio: 'inherit' });
  if (done.status !== 0) process.exitCode = 1;
}
