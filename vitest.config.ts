import { cloudflareTest, readD1Migrations } from '@cloudflare/vitest-plugin';
import { execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

// Built data that the code imports or serves; both return at once when nothing changed.
for (const step of ['build-prices', 'build-tokenizer'])
  execFileSync(process.execPath, [`scripts/${step}.mjs`]);

/**
 * pure: no runtime needed · fuzz: the same, but so many runs that they are not measured for coverage · workers: inside workerd with real D1,
 * R2, objects and queues · journeys: against the really started server.
 *
 * Files of pure and workers share their process (`isolate: false`): to start a Worker and import its modules for each file took two thirds of
 * the whole time. Storage is emptied after each file: tests/workers/setup.ts.
 */
const FUZZ = ['worker/domain/**/*-fuzz.test.ts'];
const PURE = [
  'worker/domain/**/*.test.ts',
  'worker/providers/**/*.test.ts',
  'worker/nodes/**/*.test.ts',
  'worker/channels/**/*.test.ts',
  'web/src/lib/**/*.test.ts',
  'scripts/**/*.test.ts',
  'tests/*.test.ts',
];
const WORKERS = [
  'worker/{http,store,queues,cron}/**/*.test.ts',
  'durable/**/*.test.ts',
  'tests/workers/**/*.test.ts',
];

/** One is vitest's own choice on two cores, which leaves half of them idle. */
const AT_ONCE = Math.max(2, availableParallelism() - 1);

/** Journeys that mostly wait (for a second try, or for a hold to expire), the longest first: begun last, each would be waited for alone. */
const LONG = ['alerts', 'engine-crash', 'kill9', 'hostile-provider', 'engine-queue', 'start'];
const FIRST = [
  // it moves 60 MB through an isolate that all files share: 6 s in a fresh one, over a minute when a hundred files have left their garbage there
  'worker/http/data-sources.test.ts',
  ...LONG.map((name) => `tests/journeys/${name}.test.ts`),
];
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const at = FIRST.findIndex((path) => moduleId.endsWith(path));
      return at === -1 ? FIRST.length : at;
    };
    return (await super.sort(files)).sort((one, other) => place(one) - place(other));
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    // Work that a file leaves behind, such as a queue's message, may be cut off when the file ends, as it would be with a Worker for each file.
    onUnhandledError: (error) => error.name !== 'EnvironmentTeardownError',
    coverage: {
      provider: 'istanbul',
      include: ['worker/**/*.ts', 'durable/**/*.ts'],
      exclude: ['**/*.test.ts', '**/*.d.ts', 'worker/generated/**', 'worker/index.ts'],
      reporter: ['text-summary', 'json-summary'],
      thresholds: { lines: 85 },
    },
    projects: [
      {
        test: {
          name: 'pure',
          environment: 'node',
          isolate: false,
          maxWorkers: AT_ONCE,
          include: PURE,
          exclude: FUZZ,
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'fuzz',
          environment: 'node',
          maxWorkers: AT_ONCE,
          include: FUZZ,
          testTimeout: 120_000,
        },
      },
      {
        plugins: [
          cloudflareTest(async () => ({
            main: './worker/api.ts',
            wrangler: { configPath: './wrangler.test.toml' },
            miniflare: {
              bindings: {
                MASTER_KEY: 'A'.repeat(43) + '=',
                ALLOW_PRIVATE_NETWORK: '1',
                OPERATOR_TOKEN: 'operator-token-of-the-tests',
                TEST_MIGRATIONS: await readD1Migrations('./migrations'),
              },
            },
          })),
        ],
        test: {
          name: 'workers',
          isolate: false,
          maxWorkers: AT_ONCE,
          include: WORKERS,
          globalSetup: ['./tests/workers/outside.global.ts'],
          setupFiles: ['./tests/workers/setup.ts'],
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'journeys',
          environment: 'node',
          include: ['tests/journeys/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 240_000,
          // each file has a server, a port and a folder of its own, and mostly waits
          maxWorkers: 4,
          sequence: { groupOrder: 1 },
          // real processes on a crowded machine get a second try; it is listed
          retry: 1,
        },
      },
    ],
  },
});
