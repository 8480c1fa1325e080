// npm run bench [name]: every claim's file in bench/, one after the other; each prints its figures. Ends with status 1 when one does not hold.
import { spawnSync } from 'node:child_process';
import { build } from './build.mjs';

const CLAIMS = [
  'runtime-floor',
  'token-counting',
  'estimate',
  'reserve-settle',
  'gateway-latency',
  'gateway-throughput',
  'gateway-memory',
  'engine',
  'large-run',
  'dashboard',
];

const wanted = process.argv[2];
if (wanted && !CLAIMS.includes(wanted)) {
  console.error(`There is no bench "${wanted}". There are: ${CLAIMS.join(', ')}.`);
  process.exit(1);
}
build();
for (const claim of CLAIMS.filter((name) => !wanted || name === wanted)) {
  console.log(`\n== ${claim}`);
  const done = spawnSync('node', [`bench/${claim}.ts`], { stdio: 'inherit' });
  if (done.status !== 0) process.exitCode = 1;
}
