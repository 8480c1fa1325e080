import { expect, test } from '@playwright/test';
import { newPrompt, open, ready, signUp } from './people.ts';

test.beforeEach(({ page }) => signUp(page).then(() => undefined));

test('a first prompt is made from the empty state, runs in the sandbox, and is found again', async ({
  page,
}) => {
  await open(page, '/dashboard/prompts', 'prompts');
  await expect(page.getByTestId('empty-first-use')).toBeVisible();
  await page.getByRole('button', { name: 'Write the first prompt' }).click();
  await page.getByLabel('Name').fill('Greeting <b>bold</b>');
  await page.getByRole('button', { name: 'Create prompt' }).click();
  await ready(page, 'prompt');
  await page.getByRole('textbox', { name: 'customer' }).fill('Ada');
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await expect(page.getByTestId('run-status')).toHaveAttribute('data-status', 'succeeded');
  await expect(page.getByTestId('run-output')).toContainText('Ada');

  await open(page, '/dashboard/prompts?q=greeting', 'prompts');
  await expect(page.getByTestId('prompt-row')).toHaveCount(1);
  await expect(page.getByTestId('prompt-row')).toContainText('Greeting <b>bold</b>');
  await page.getByRole('searchbox', { name: 'Search prompts' }).fill('nothing like this');
  await expect(page.getByTestId('empty-no-results')).toBeVisible();
  await expect(page).toHaveURL(/q=nothing/);
  await page.getByRole('button', { name: 'Clear filters' }).click();
  await expect(page.getByTestId('prompt-row')).toHaveCount(1);
});

test('PE-2 a variable in the text becomes a field; taken out, its value is kept', async ({ page }) => {
  const id = await newPrompt(page, { prompt: 'Hello.', model: 'sandbox-small' });
  await open(page, `/dashboard/prompts/${id}`, 'prompt');
  const text = page.getByTestId('prompt-text');
  await text.fill('Hello {{customer}}.');
  const run = page.getByRole('button', { name: 'Save and run' });
  await expect(run).toBeDisabled();
  await expect(run).toHaveAccessibleDescription('Fill in “customer”.');
  await page.getByRole('textbox', { name: 'customer' }).fill('Grace');
  await expect(run).toBeEnabled();
  await text.fill('Hello.');
  await expect(page.getByText('Unused variables')).toBeVisible();
  await expect(page.getByTestId('unused-variable')).toHaveText('customer: Grace');
  await text.fill('Hello {{customer}}!');
  await expect(page.getByRole('textbox', { name: 'customer' })).toHaveValue('Grace');
});

test('PE-3 the ceiling is exact before the run, the actual cost after it', async ({ page }) => {
  // 993 tokens of text, 1 of the role and 6 of framing
  const id = await newPrompt(page, {
    prompt: 'a' + ' a'.repeat(992),
    model: 'sandbox-large',
    maxTokens: 500,
  });
  await open(page, `/dashboard/prompts/${id}`, 'prompt');
  const preview = page.getByTestId('cost-preview');
  await expect(preview).toHaveAttribute('data-exact', 'true');
  await expect(page.getByTestId('preview-tokens-in')).toHaveAttribute('data-value', '1000');
  await expect(page.getByTestId('cost-preview-max')).toHaveAttribute('data-value', '0.0105');
  await expect(preview).toHaveAttribute('data-layer', 'server');
  await expect(page.getByTestId('cost-preview-max')).toHaveAttribute('data-value', '0.0105');
  await expect(preview).toHaveAttribute('data-value', '0.0105');

  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await expect(page.getByTestId('tokens-in')).toHaveAttribute('data-value', '1000');
  const tokensOut = Number(await page.getByTestId('tokens-out').getAttribute('data-value'));
  expect(tokensOut).toBeGreaterThan(0);
  const costNanoUsd = 1000 * 3_000 + tokensOut * 15_000;
  const shown = await page.getByTestId('run-cost').getAttribute('data-value');
  expect(Math.round(Number(shown) * 1e9)).toBe(costNanoUsd);
  await expect(page.getByTestId('cost-actual')).toHaveAttribute('data-value', shown!);
});

test('PE-5 a cheaper model is suggested once; "Not now" survives a reload', async ({ page }) => {
  const id = await newPrompt(page, { prompt: 'Tell me a story.', model: 'sandbox-large', maxTokens: 500 });
  await open(page, `/dashboard/prompts/${id}`, 'prompt');
  const suggestion = page.getByTestId('cheaper-suggestion');
  await expect(suggestion).toHaveCount(1);
  await expect(suggestion).toContainText('save 90%');
  await suggestion.getByRole('button', { name: 'Not now' }).click();
  await expect(suggestion).toHaveCount(0);
  await open(page, `/dashboard/prompts/${id}`, 'prompt');
  await expect(page.getByTestId('cost-preview')).toHaveAttribute('data-layer', 'server');
  await expect(suggestion).toHaveCount(0);
});

test('PE-6 a save is the next version, with its note', async ({ page }) => {
  const id = await newPrompt(page, { prompt: 'One.', model: 'sandbox-small' });
  await open(page, `/dashboard/prompts/${id}`, 'prompt');
  await page.getByTestId('prompt-text').fill('Two.');
  await expect(page.getByTestId('save-status')).toHaveText('Not saved');
  await page.getByRole('button', { name: 'Save as v2' }).click();
  await page.getByLabel('What changed').fill('Counted on');
  await page.getByRole('button', { name: 'Save version' }).click();
  const second = page.locator('[data-testid=version-row][data-id="2"]');
  await expect(second).toContainText('Counted on');
  await expect(second).toContainText('Robin Test');
  await expect(page.getByTestId('save-status')).toHaveCount(0);
});

test('PE-8 Stop ends a slow run within a second and keeps the page', async ({ page }) => {
  const id = await newPrompt(page, { prompt: 'Slowly, please.', model: 'sandbox-slow', maxTokens: 200 });
  await open(page, `/dashboard/prompts/${id}`, 'prompt');
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await page.getByRole('button', { name: 'Stop' }).click();
  await expect(page.getByTestId('run-status')).toHaveAttribute('data-status', 'cancelled', { timeout: 1000 });
});
