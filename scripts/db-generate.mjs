// npm run db:generate: the next migration from worker/store/schema.ts.
import { spawnSync } from 'node:child_process';

process.exit(
  spawnSync('drizzle-kit', ['generate', ...process.argv.slice(2)], { stdio: 'inherit' }).status ?? 1,
);
