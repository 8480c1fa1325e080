// npm run screenshots: the main pages as a person sees them (desktop, dark, phone) into docs/screenshots/, from a server with the demo team at work.
import { mkdirSync } from 'node:fs';
import { chromium } from '@playwright/test';
import { build } from './build.mjs';
import { freePort, freshFolder, startServer } from '../tests/journeys/server.ts';

build();
const folder = freshFolder();
const server = process.env.BASE_URL
  ? null
  : await startServer({ port: await freePort(), dataDir: folder.dataDir });
const url = process.env.BASE_URL ?? server.url;
const password = process.env.DEMO_PASSWORD ?? server.password;
const out = 'docs/screenshots';
mkdirSync(out, { recursive: true });

if (server) {
  const budget = (limitNanoUsd, scope = { type: 'team' }) =>
    server.api('POST', '/api/token-tracking/budget', {
      scope,
      window: 'month',
      timeZone: 'Europe/Berlin',
      limitNanoUsd,
      policy: 'block',
    });
  await budget(50_000_000);
  await budget(2_000_000_000, { type: 'tag', id: 'acme' });
  await server.api('POST', '/api/prompts', {
    name: 'Support reply',
    description: 'Answers a customer in their own language.',
    content: {
      system: 'You are a patient support agent.',
      prompt: 'Answer {{customer}} about: {{question}}',
      model: 'sandbox-large',
      maxTokens: 500,
    },
  });
  const workflow = (await server.api('GET', '/api/workflows')).body.data.at(-1).id;
  for (const wait of [8000, 6000]) {
    await server.api('POST', `/api/workflows/${workflow}/trigger`, {});
    await new Promise((later) => setTimeout(later, wait));
  }
  for (const question of ['Name three rivers.', 'What is a ledger?', 'Why is the sky blue?'])
    await server.api(
      'POST',
      '/v1/chat/completions',
      { model: 'sandbox-small', max_tokens: 40, messages: [{ role: 'user', content: question }] },
      { 'x-pm-tags': 'acme' },
    );
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
});
const LOOKS = {
  desktop: { viewport: { width: 1280, height: 800 } },
  dark: { viewport: { width: 1280, height: 800 }, theme: 'dark' },
  phone: { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true },
};
for (const [look, { theme, ...device }] of Object.entries(LOOKS)) {
  const context = await browser.newContext(device);
  if (theme) await context.addCookies([{ name: 'theme', value: theme, url }]);
  const page = await context.newPage();
  const shoot = async (name, path, prepare = async () => {}) => {
    await page.goto(url + path);
    await page
      .locator('main[data-ready="true"]')
      .first()
      .waitFor({ timeout: 15_000 })
      .catch(() => {});
    await prepare();
    await page.waitForTimeout(600);
    await page.screenshot({ path: `${out}/${name}-${look}.png` });
    console.log(`${out}/${name}-${look}.png`);
  };
  const hrefOf = (testId) => page.locator(`[data-testid="${testId}"] a`).first().getAttribute('href');
  await shoot('landing', '/');
  await shoot('sign-in', '/sign-in');
  await page.getByLabel(/mail/i).fill('demo@example.com');
  await page.getByLabel(/^password/i).fill(password);
  await page.getByRole('button', { name: /sign in/i }).click();
  await page.waitForURL(/dashboard/);
  await shoot('home', '/dashboard');
  await shoot('prompts', '/dashboard/prompts');
  await shoot('prompt', await hrefOf('prompt-row'), () => page.waitForTimeout(1500));
  await shoot('workflows', '/dashboard/workflows');
  await shoot('builder', await hrefOf('workflow-row'), async () => {
    await page.waitForTimeout(1500);
    const node = page.locator('[data-testid="canvas-node"][data-kind="prompt"]').first();
    if (look !== 'phone' && (await node.count())) await node.click();
  });
  await shoot('executions', '/dashboard/executions');
  await shoot('execution', await hrefOf('execution-row'), () => page.waitForTimeout(1000));
  await shoot('outputs', '/dashboard/outputs');
  await shoot('data-sources', '/dashboard/data-sources');
  await shoot('usage', '/dashboard/usage');
  await shoot('budgets', '/dashboard/budgets');
  await shoot('api-keys', '/settings/api-keys');
  await shoot('provider-keys', '/settings/provider-keys');
  await context.close();
}
await browser.close();
await server?.stop();
folder.remove();
process.exit(0);
