import { defineConfig } from '@playwright/test';

/** Browser tests: Debian's Chromium against the really started server (tests/browser/start.ts starts it once for all). */
export default defineConfig({
  testDir: './tests/browser',
  globalSetup: './tests/browser/start.ts',
  // files side by side on a server of all: each test has a team of its own
  workers: 2,
  timeout: 120_000,
  expect: { timeout: 20_000 },
  reporter: [['list']],
  forbidOnly: true,
  // a second try on a crowded machine; it is listed as flaky
  retries: 1,
  use: {
    baseURL: process.env.BASE_URL ?? 'http://localhost:8799',
    viewport: { width: 1280, height: 800 },
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
});
