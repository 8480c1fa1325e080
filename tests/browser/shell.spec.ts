import { AxeBuilder } from '@axe-core/playwright';
import { expect, test } from '@playwright/test';
import { answer, newPrompt, open, ready, signUp } from './people.ts';

const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const PUBLIC = [
  ['/', 'landing'],
  ['/sign-in', 'sign-in'],
  ['/sign-up', 'sign-up'],
] as const;
const PAGES = [
  ['/dashboard', 'dashboard'],
  ['/dashboard/prompts', 'prompts'],
  ['/dashboard/usage', 'usage'],
  ['/dashboard/usage?tab=reconciliation', 'usage'],
  ['/dashboard/executions', 'executions'],
  ['/dashboard/decisions', 'decisions'],
  ['/dashboard/outputs', 'outputs'],
  ['/dashboard/budgets', 'budgets'],
  ['/settings/profile', 'profile'],
  ['/settings/team', 'team'],
  ['/settings/members', 'members'],
  ['/settings/api-keys', 'api-keys'],
  ['/settings/provider-keys', 'provider-keys'],
  ['/settings/routing', 'routing'],
  ['/settings/guardrails', 'guardrails'],
  ['/settings/notifications', 'notifications'],
  ['/settings/webhooks', 'webhooks'],
] as const;
/** Dialogs that are opened by one button of a page. */
const DIALOGS = [
  ['/settings/api-keys', 'api-keys', 'Edit the key Reader'],
  ['/settings/api-keys', 'api-keys', 'Rotate the key Reader'],
  ['/settings/routing', 'routing', 'Edit the route smart'],
  ['/settings/provider-keys', 'provider-keys', 'Set price of sandbox-small'],
  ['/settings/provider-keys', 'provider-keys', 'Connect'],
  ['/settings/notifications', 'notifications', 'New channel'],
  ['/settings/webhooks', 'webhooks', 'Edit CRM hook'],
  ['/settings/members', 'members', 'Edit the group Sales'],
  ['/dashboard/budgets', 'budgets', 'New budget'],
] as const;

test('SHELL-1 the palette opens with Ctrl K, goes where it is told, and gives the focus back', async ({
  page,
}) => {
  await signUp(page);
  await open(page, '/dashboard', 'dashboard');
  await page.keyboard.press('Control+k');
  const palette = page.getByRole('dialog', { name: 'Command palette' });
  await expect(palette.getByRole('combobox')).toBeFocused();
  await page.keyboard.type('usa');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/dashboard\/usage$/);
  await ready(page, 'usage');

  await page.getByLabel('Range').focus();
  await page.keyboard.press('Control+k');
  await expect(palette).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(palette).toBeHidden();
  await expect(page.getByLabel('Range')).toBeFocused();
});

test('SHELL-2 the first Tab skips to the content; every page has one h1 and a title of its own', async ({
  page,
}) => {
  await signUp(page);
  const titles = new Set<string>();
  for (const [path, name] of PAGES) {
    await open(page, path, name);
    await expect(page.getByRole('heading', { level: 1 })).toHaveCount(1);
    titles.add(await page.title());
  }
  expect(titles.size).toBe(new Set(PAGES.map(([, name]) => name)).size);
  await open(page, '/dashboard', 'dashboard');
  await page.keyboard.press('Tab');
  await expect(page.getByRole('link', { name: 'Skip to content' })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('main')).toBeFocused();
});

test('SHELL-5 it says so while it is offline', async ({ page, context }) => {
  await signUp(page);
  await open(page, '/dashboard', 'dashboard');
  await context.setOffline(true);
  const note = page.getByText('You are offline. Changes are kept on this device.');
  await expect(note).toBeVisible();
  await context.setOffline(false);
  await expect(note).toHaveCount(0);
});

test('SET-2 the chosen theme is in the first byte of the page', async ({ page }) => {
  await signUp(page);
  await open(page, '/settings/profile', 'profile');
  await page.getByRole('radio', { name: 'Dark' }).check();
  await expect(page.locator('html')).toHaveClass('dark');
  const html = await (await page.request.get('/settings/profile')).text();
  expect(html).toContain('<html lang="en" class="dark">');
});

for (const scheme of ['light', 'dark'] as const) {
  test(`no page breaks an accessibility rule (${scheme})`, async ({ page }) => {
    test.setTimeout(480_000);
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
    const keepsTheRules = async (what: string) => {
      const { violations } = await new AxeBuilder({ page }).withTags(RULES).analyze();
      expect
        .soft(
          violations.map(
            ({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`,
          ),
          what,
        )
        .toEqual([]);
    };
    const check = async (path: string, name: string) => {
      await open(page, path, name);
      await keepsTheRules(path);
    };
    for (const [path, name] of PUBLIC) await check(path, name);
    await signUp(page);
    for (const [path, name] of PAGES) await check(path, name);
    // filled
    const id = await newPrompt(page, {
      prompt: 'Hello {{customer}}.',
      model: 'sandbox-large',
      maxTokens: 100,
    });
    await answer(page, 'POST', `/api/prompts/${id}/run`, { variables: { customer: 'Ada' } });
    await answer(page, 'POST', '/api/token-tracking/budget', {
      scope: { type: 'team' },
      window: 'month',
      timeZone: 'UTC',
      limitNanoUsd: 1_000_000,
      policy: 'warn',
      thresholds: [50, 100],
    });
    await answer(page, 'POST', '/api/keys', { name: 'Reader', role: 'viewer' });
    await answer(page, 'POST', '/api/routes', {
      name: 'smart',
      strategy: 'weighted',
      targets: [{ model: 'sandbox-small', weight: 3 }, { model: 'sandbox-large' }],
    });
    await answer(page, 'PUT', '/api/guardrails', {
      allowedModels: ['sandbox-*'],
      deniedModels: ['gpt-*'],
      maxInputTokens: 100_000,
      blockedPatterns: [{ name: 'projects', pattern: 'project * falcon' }],
    });
    await answer(page, 'POST', '/api/notification-channels', {
      type: 'webhook',
      name: 'CRM hook',
      url: 'https://hooks.example.com/prompt-manage',
    });
    const { team } = await answer<{ team: { id: string } }>(page, 'GET', '/api/me');
    await answer(page, 'POST', `/api/teams/${team.id}/groups`, { name: 'Sales' });
    for (const [path, name] of PAGES) await check(path, name);
    await check(`/dashboard/prompts/${id}`, 'prompt');
    for (const [path, name, button] of DIALOGS) {
      await open(page, path, name);
      await page.getByRole('button', { name: button, exact: true }).first().click();
      const dialog = page.getByRole('dialog');
      await expect(dialog).toBeVisible();
      for (const folded of await dialog.locator('details:not([open]) > summary').all()) await folded.click();
      await keepsTheRules(`${path}, ${button}`);
    }
  });
}

test('nothing scrolls sideways at 320 pixels', async ({ page }) => {
  test.setTimeout(120_000);
  await page.setViewportSize({ width: 320, height: 640 });
  await signUp(page);
  const id = await newPrompt(page, { prompt: `Hello ${'{{customer}}'.repeat(20)}`, model: 'sandbox-large' });
  await answer(page, 'POST', '/api/keys', {
    name: 'A key with a rather long name for a phone',
    role: 'viewer',
  });
  await answer(page, 'POST', '/api/token-tracking/log', {
    model: 'sandbox-large',
    inputTokens: 123_456_789,
    outputTokens: 9_876_543,
    tags: ['x'.repeat(60)],
  });
  await answer(page, 'POST', '/api/token-tracking/budget', {
    scope: { type: 'tag', id: 'x'.repeat(60) },
    window: 'month',
    timeZone: 'America/Argentina/Buenos_Aires',
    limitNanoUsd: 450_000_000_000,
    policy: 'block',
    thresholds: [75, 90, 100],
  });
  const sideways = async (path: string, name: string) => {
    await open(page, path, name);
    const over = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
    expect.soft(over, path).toBeLessThanOrEqual(0);
  };
  for (const [path, name] of [...PAGES, [`/dashboard/prompts/${id}`, 'prompt'] as const])
    await sideways(path, name);
  await page.context().clearCookies();
  for (const [path, name] of PUBLIC) await sideways(path, name);
});
