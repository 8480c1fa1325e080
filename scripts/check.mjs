// npm run check: the one gate. Format, lint, types (Worker and web), then every test (architecture among them).
import { spawnSync } from 'node:child_process';
import { build } from './build.mjs';

build();
const gates = [
  ['Format', 'prettier', ['--check', '--log-level', 'warn', '.']],
  ['Lint', 'eslint', ['.']],
  ['Types', 'tsc', ['-p', '.']],
  ['Types of the web', 'svelte-check', ['--tsconfig', './tsconfig.json', '--threshold', 'error'], 'web'],
  ...(process.argv.includes('--fast') ? [] : [['Tests', 'node', ['scripts/test.mjs']]]),
];
for (const [title, command, args, cwd] of gates) {
  console.log(`== ${title}`);
  const done = spawnSync(command, args, { stdio: 'inherit', cwd });
  if (done.status !== 0) process.exit(done.status ?? 1);
}
