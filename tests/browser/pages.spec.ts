/** What holds on every page, looked at once for all of it: most of the time goes by with opening pages. */
import { AxeBuilder } from '@axe-core/playwright';
import { expect, test, type Page } from '@playwright/test';
import { answer, newPrompt, open, signUp } from './people.ts';

const DESKTOP = { width: 1280, height: 800 };
const PHONE = { width: 320, height: 640 };
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
/** Those of the rules that look at colours. */
const COLOUR_RULES = ['color-contrast', 'link-in-text-block'];
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

/** Every element changes its colours after the one it is in has: three frames without any that still does. */
const coloursRest = (page: Page): Promise<unknown> =>
  page.evaluate(`new Promise((done) => {
    let frames = 0;
    (function look() {
      frames = document.getAnimations().some((one) => one instanceof CSSTransition) ? 0 : frames + 1;
      if (frames > 3) done();
      else requestAnimationFrame(look);
    })();
  })`);

/** No rule of accessibility is broken, in light or in dark. */
async function keepsTheRules(page: Page, what: string): Promise<void> {
  // in its own frame alone (we have no others), which spares a second page for every look
  const axe = () => new AxeBuilder({ page }).setLegacyMode();
  const found: string[] = [];
  for (const scheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
    await coloursRest(page);
    const rules = scheme === 'light' ? axe().withTags(RULES) : axe().withRules(COLOUR_RULES);
    for (const { id, nodes } of (await rules.analyze()).violations)
      found.push(`${id} (${scheme}): ${nodes.map(({ target }) => target.join(' ')).join(', ')}`);
  }
  await page.emulateMedia({ colorScheme: 'light' });
  expect.soft(found, what).toEqual([]);
}

/** One heading, the rules, and nothing that scrolls sideways on a small phone. Answers its title. */
async function look(page: Page, path: string, name: string): Promise<string> {
  await open(page, path, name);
  await expect.soft(page.getByRole('heading', { level: 1 }), path).toHaveCount(1);
  await keepsTheRules(page, path);
  await page.setViewportSize(PHONE);
  await expect
    .configure({ soft: true })
    .poll(() => page.evaluate<number>('document.documentElement.scrollWidth - innerWidth'), { message: path })
    .toBeLessThanOrEqual(0);
  await page.setViewportSize(DESKTOP);
  return await page.title();
}

/** Something of everything, with names that are rather long for a phone. Answers the id of the prompt. */
async function fill(page: Page): Promise<string> {
  const id = await newPrompt(page, {
    prompt: `Hello ${'{{customer}}'.repeat(20)}.`,
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
  return id;
}

const RULE = 'keeps the rules of accessibility in light and dark, and does not scroll sideways at 320 pixels';

test.describe('every page', () => {
  // the two longest tests of all: not one after the other
  test.describe.configure({ mode: 'parallel', timeout: 600_000 });
  test.use({ viewport: DESKTOP });

  test(`SHELL-2 empty, ${RULE}; it has a heading and a title of its own`, async ({ page }) => {
    for (const [path, name] of PUBLIC) await look(page, path, name);
    await signUp(page);
    const titles = new Set<string>();
    for (const [path, name] of PAGES) titles.add(await look(page, path, name));
    expect(titles.size).toBe(new Set(PAGES.map(([, name]) => name)).size);
  });

  test(`filled, and each dialog: ${RULE}`, async ({ page }) => {
    await signUp(page);
    const id = await fill(page);
    for (const [path, name] of PAGES) await look(page, path, name);
    await look(page, `/dashboard/prompts/${id}`, 'prompt');
    for (const [path, name, button] of DIALOGS) {
      await open(page, path, name);
      await page.getByRole('button', { name: button, exact: true }).first().click();
      const dialog = page.getByRole('dialog');
      await expect(dialog).toBeVisible();
      for (const folded of await dialog.locator('details:not([open]) > summary').all()) await folded.click();
      await keepsTheRules(page, `${path}, ${button}`);
    }
  });
});
