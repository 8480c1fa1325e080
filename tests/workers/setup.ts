/** One Worker serves all test files; each file finds its storage empty, with the migrations applied, and leaves nothing running. */
import { applyD1Migrations, reset } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterAll, vi } from 'vitest';

await applyD1Migrations(
  env.DB,
  (env as unknown as { TEST_MIGRATIONS: Parameters<typeof applyD1Migrations>[1] }).TEST_MIGRATIONS,
);

afterAll(async () => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
  await reset();
});
