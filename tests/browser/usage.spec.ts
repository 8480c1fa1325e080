import { expect, test, type Page } from '@playwright/test';
import { answer, open, signUp } from './people.ts';

test('the usage page tells what the response cache saved, once it saved anything', async ({
  page,
  playwright,
  baseURL,
}) => {
  await signUp(page);
  const { key } = await answer<{ key: string }>(page, 'POST', '/api/keys', {
    name: 'CRM',
    role: 'runner',
    cacheTtlSeconds: 300,
  });
  const program = await playwright.request.newContext({
    baseURL,
    extraHTTPHeaders: { authorization: `Bearer ${key}` },
  });
  const ask = async () => {
    const called = await program.post('/v1/chat/completions', {
      data: { model: 'sandbox-small', max_tokens: 5, messages: [{ role: 'user', content: 'hello' }] },
    });
    expect(called.status()).toBe(200);
  };
  const spend = page.getByTestId('kpi-spend');
  await ask();
  await expect(async () => {
    await open(page, '/dashboard/usage', 'usage');
    await expect(spend).toBeVisible({ timeout: 1000 });
  }).toPass();
  await expect(page.getByTestId('kpi-saved')).toHaveCount(0);
  await ask();
  await ask();
  await expect(async () => {
    await open(page, '/dashboard/usage', 'usage');
    await expect(page.getByText('2 answers not paid again')).toBeVisible({ timeout: 1000 });
  }).toPass();
  const once = Number(await spend.getAttribute('data-value'));
  const saved = Number(await page.getByTestId('kpi-saved').getAttribute('data-value'));
  expect(saved).toBeGreaterThan(0);
  expect(saved).toBeCloseTo(2 * once, 12);
  await program.dispose();
});

/** $3 for each million of input tokens */
const spend = (page: Page, more: { inputTokens: number; tags?: string[]; occurredAt?: string }) =>
  answer(page, 'POST', '/api/token-tracking/log', { model: 'sandbox-large', outputTokens: 0, ...more });
const nanoUsd = async (page: Page, testid: string): Promise<number[]> =>
  (
    await page.getByTestId(testid).evaluateAll((all) => all.map((one) => one.getAttribute('data-value')!))
  ).map((text) => Math.round(Number(text) * 1e9));

test('USE-2, USE-3 what is grouped by stands in the address, six and the rest are named, and the chart reads out what its table says', async ({
  page,
}) => {
  await signUp(page);
  for (let tag = 1; tag <= 8; tag++) await spend(page, { inputTokens: tag * 1_000, tags: [`tag-${tag}`] });
  await expect(async () => {
    await open(page, '/dashboard/usage?group=tag', 'usage');
    await expect(page.getByTestId('usage-row')).toHaveCount(8, { timeout: 1000 });
  }).toPass();
  const shares = page.getByTestId('share-row');
  await expect(shares).toHaveCount(7);
  await expect(shares.first()).toContainText('tag-8');
  await expect(shares.last()).toContainText('Other (2)');
  await page.getByLabel('Group by').selectOption('model');
  await expect(page).toHaveURL(/group=model/);
  await expect(shares).toHaveCount(1);
  await page.goBack();
  await expect(shares).toHaveCount(7);

  const [total] = await nanoUsd(page, 'kpi-spend');
  expect(total).toBe(36 * 3_000_000);
  const chart = page.getByRole('img', { name: /^Spend over time\. / });
  await chart.focus();
  await page.keyboard.press('ArrowLeft');
  await expect(page.locator('figcaption')).toContainText('$0.108, 8 runs');
  await page.getByRole('button', { name: 'Show as table' }).click();
  const rows = page.getByRole('table', { name: 'Spend over time' }).getByRole('row');
  await expect(rows.last()).toContainText('8$0.108');
  await expect(rows.filter({ hasText: '$0.108' })).toHaveCount(1);
});

test('USE-5, USE-6, USE-7 days are those of the named zone, the figures are in the first byte, and a run elsewhere shows by itself', async ({
  page,
}) => {
  await signUp(page);
  const { team } = await answer<{ team: { id: string } }>(page, 'GET', '/api/me');
  // 14 hours ahead: noon in UTC is the next day there
  await answer(page, 'PATCH', `/api/teams/${team.id}`, { timeZone: 'Pacific/Kiritimati' });
  const noon = new Date(Date.now() - 5 * 24 * 3600 * 1000);
  noon.setUTCHours(12, 0, 0, 0);
  await spend(page, { inputTokens: 1_000, occurredAt: noon.toISOString() });
  await expect(async () => {
    const html = await (await page.request.get('/dashboard/usage')).text();
    expect(html).toMatch(
      /data-testid="kpi-spend"[^>]*data-value="0\.003"|data-value="0\.003"[^>]*data-testid="kpi-spend"/,
    );
  }).toPass();
  await open(page, '/dashboard/usage', 'usage');
  await page.getByRole('button', { name: 'Show as table' }).click();
  const table = page.getByRole('table', { name: 'Spend over time' });
  await expect(table).toContainText('day (Pacific/Kiritimati)');
  const day = new Date(noon.getTime() + 24 * 3600 * 1000).toLocaleDateString('en-GB', {
    day: 'numeric',
    month: 'short',
    timeZone: 'UTC',
  });
  await expect(table.getByRole('row').filter({ hasText: '$0.003' })).toContainText(day);
  await spend(page, { inputTokens: 2_000 });
  await expect(page.getByTestId('kpi-spend')).toHaveAttribute('data-value', '0.009');
});

test('costs are shown in the currency of the team, marked and with their rate, and stay dollars beneath', async ({
  page,
}) => {
  await signUp(page);
  await spend(page, { inputTokens: 1_000_000 });
  await open(page, '/settings/team', 'team');
  const form = page.locator('form', { has: page.getByLabel('Show costs in') });
  await form.getByLabel('Show costs in').selectOption('EUR');
  await form.getByLabel('A dollar is, in EUR').fill('0,92x');
  await form.getByRole('button', { name: 'Save' }).click();
  await expect(form.getByText('Write what a dollar is in it')).toBeVisible();
  await form.getByLabel('A dollar is, in EUR').fill('0,9231');
  await form.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByTestId('display-currency')).toContainText('EUR, at 0.9231 a dollar');
  await expect(async () => {
    await open(page, '/dashboard/usage', 'usage');
    await expect(page.getByTestId('kpi-spend')).toHaveText('≈ €2.77', { timeout: 1000 });
  }).toPass();
  await expect(page.getByTestId('kpi-spend')).toHaveAttribute('data-value', '3');
});
