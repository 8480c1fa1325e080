import { expect, test, type Page } from '@playwright/test';
import { answer, newPrompt, open, signUp } from './people.ts';

test.beforeEach(({ page }) => signUp(page).then(() => undefined));

/** Books so many whole dollars: sandbox-large input is $3 per million tokens. */
const spend = (page: Page, thirdsOfMillion: number, tags: string[] = []) =>
  answer(page, 'POST', '/api/token-tracking/log', {
    model: 'sandbox-large',
    inputTokens: thirdsOfMillion * 1_000_000,
    outputTokens: 0,
    ...(tags.length ? { tags } : {}),
  });
const budget = (page: Page, terms: Record<string, unknown>) =>
  answer<{ id: string }>(page, 'POST', '/api/token-tracking/budget', {
    scope: { type: 'team' },
    window: 'month',
    timeZone: 'UTC',
    policy: 'block',
    thresholds: [75, 90, 100],
    ...terms,
  });

test('BUD-1, BUD-5 a budget is a meter that says its numbers, moves live, and foretells nothing from too little', async ({
  page,
}) => {
  await open(page, '/dashboard/budgets', 'budgets');
  await expect(page.getByTestId('empty-first-use')).toBeVisible();
  await page.getByRole('button', { name: 'Set the first budget' }).click();
  const form = page.getByRole('dialog');
  await form.getByLabel('Covers').selectOption('tag');
  await form.getByRole('textbox', { name: 'Tag' }).fill('Acme');
  await form.getByLabel('Limit in US dollars').fill('100');
  await form.getByRole('button', { name: 'Create budget' }).click();
  const meter = page.getByRole('meter', { name: 'Acme' });
  await expect(meter).toHaveAttribute('aria-valuetext', '$0.00 of $100.00');
  await spend(page, 14, ['Acme']);
  await expect(meter).toHaveAttribute('aria-valuenow', '42');
  await expect(meter).toHaveAttribute('aria-valuemax', '100');
  await expect(meter).toHaveAttribute('aria-valuetext', '$42.00 of $100.00');
  await open(page, '/dashboard/budgets', 'budgets');
  await expect(page.getByTestId('budget-projection')).toContainText('Not enough data yet');
});

test('BUD-2 at 80% it says "Watch: 80%" and tells one alert, once', async ({ page }) => {
  await budget(page, { limitNanoUsd: 15_000_000_000 });
  await open(page, '/dashboard/budgets', 'budgets');
  await spend(page, 4);
  await expect(page.getByTestId('budget-row')).toContainText('Watch: 80%');
  const alerts = page.getByTestId('alert-row');
  await expect(alerts).toHaveCount(1);
  await expect(alerts).toHaveAttribute('data-threshold', '75');
  await answer(page, 'POST', '/api/token-tracking/log', {
    model: 'sandbox-small',
    inputTokens: 1,
    outputTokens: 1,
  });
  await open(page, '/dashboard/budgets', 'budgets');
  await expect(alerts).toHaveCount(1);
});

test('BUD-3, BUD-6 a full budget refuses the run and says why; a limit below the spend warns first; raised, the next run passes', async ({
  page,
}) => {
  await budget(page, { limitNanoUsd: 3_000_000_000 });
  await spend(page, 1);
  const id = await newPrompt(page, { prompt: 'Hello.', model: 'sandbox-small', maxTokens: 100 });
  await open(page, `/dashboard/prompts/${id}`, 'prompt');
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  const warning = page.getByTestId('budget-warning');
  await expect(warning).toHaveAttribute('data-code', 'budget_exceeded');
  await expect(warning).toContainText('Budget reached: Whole team');
  await expect(warning).toContainText('$3.00 of $3.00 is spent');
  await expect(warning).toContainText('resets 1 ');
  await expect(warning).toContainText('You can raise the limit.');

  await warning.getByRole('link', { name: 'Go to budgets' }).click();
  await expect(page.getByTestId('budget-row')).toContainText('Limit reached');
  await page.getByRole('button', { name: 'Edit the budget Whole team' }).click();
  const form = page.getByRole('dialog');
  await form.getByLabel('Limit in US dollars').fill('2');
  await expect(form.getByTestId('limit-below-spend')).toContainText('$3.00 is spent in this period already');
  await form.getByLabel('Limit in US dollars').fill('4');
  await form.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(form).toHaveCount(0);
  await open(page, `/dashboard/prompts/${id}`, 'prompt');
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await expect(page.getByTestId('run-status')).toHaveAttribute('data-status', 'succeeded', { timeout: 5000 });
});

test('BUD-4 a budget that only warns says "Not blocked" past its limit, and calls go on', async ({
  page,
}) => {
  await budget(page, { limitNanoUsd: 1_000_000_000, policy: 'warn' });
  await spend(page, 1);
  await open(page, '/dashboard/budgets', 'budgets');
  await expect(page.getByTestId('budget-row')).toContainText('Not blocked');
  const id = await newPrompt(page, { prompt: 'Hello.', model: 'sandbox-small', maxTokens: 100 });
  await answer(page, 'POST', `/api/prompts/${id}/run`, {});
});

test('USE-1 the headline equals the rows and the API, and the three sums agree', async ({ page }) => {
  await spend(page, 2, ['a']);
  await answer(page, 'POST', '/api/token-tracking/log', {
    model: 'sandbox-small',
    inputTokens: 7,
    outputTokens: 3,
  });
  await expect(async () => {
    await open(page, '/dashboard/usage', 'usage');
    await expect(page.getByTestId('usage-row')).toHaveCount(2, { timeout: 1000 });
  }).toPass();
  const exact = async (testid: string) =>
    (
      await page.getByTestId(testid).evaluateAll((all) => all.map((one) => one.getAttribute('data-value')!))
    ).map((text) => Math.round(Number(text) * 1e9));
  const [spent] = await exact('kpi-spend');
  const rows = await exact('group-cost');
  expect(spent).toBe(6_000_006_600);
  expect(rows.reduce((sum, cost) => sum + cost, 0)).toBe(spent);
  await page.getByRole('tab', { name: 'Reconciliation' }).click();
  await expect(page.getByTestId('reconciliation')).toHaveAttribute('data-status', 'agree');
  await expect(page.getByTestId('sum-drift')).toHaveAttribute('data-value', '0');
});
