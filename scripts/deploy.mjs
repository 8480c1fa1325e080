// npm run deploy: build, migrate the remote D1, deploy the Worker. Needs `wrangler login` and the ids of your own D1 database in wrangler.toml.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { build } from './build.mjs';

if (/database_id = "local"/.test(readFileSync('wrangler.toml', 'utf8'))) {
  console.error(
    'wrangler.toml still has database_id = "local". Create the resources first:\n  npx wrangler d1 create prompt-manage   (put its id into wrangler.toml)\n  npx wrangler r2 bucket create prompt-manage-files\n  for queue in executions ledger notices; do npx wrangler queues create $queue && npx wrangler queues create $queue-dead; done\n  npx wrangler secret put MASTER_KEY      (32 random bytes in base64)',
  );
  process.exit(1);
}
build();
for (const args of [['d1', 'migrations', 'apply', 'DB', '--remote'], ['deploy']]) {
  const done = spawnSync('wrangler', args, { stdio: 'inherit' });
  if (done.status !== 0) process.exit(done.status ?? 1);
}
