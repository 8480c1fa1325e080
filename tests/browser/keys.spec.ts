import { expect, test } from '@playwright/test';
import { open, signUp } from './people.ts';

test.use({ permissions: ['clipboard-read', 'clipboard-write'] });
test.beforeEach(({ page }) => signUp(page).then(() => undefined));

test('KEY-1, KEY-2, KEY-3 a key is shown once, copied aloud, and dead after its deletion', async ({
  page,
  playwright,
  baseURL,
}) => {
  await open(page, '/settings/api-keys', 'api-keys');
  await page.getByRole('button', { name: 'Make the first key' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Create key' }).click();
  await expect(dialog.getByLabel('Name')).toBeFocused();
  await dialog.getByLabel('Name').fill('CRM import');
  await dialog.getByRole('button', { name: 'Create key' }).click();
  const shown = dialog.getByTestId('new-key');
  await expect(shown).toHaveText(/^pm_\w+_\S{20,}$/);
  const key = (await shown.textContent())!;
  await dialog.getByRole('button', { name: 'Copy key' }).click();
  await expect(dialog.getByRole('status').first()).toHaveText('Copied');
  expect(await page.evaluate('navigator.clipboard.readText()')).toBe(key);
  await expect(dialog.getByTestId('curl-snippet')).toContainText(key);
  await dialog.getByRole('button', { name: 'Done' }).click();

  const program = await playwright.request.newContext({
    baseURL,
    extraHTTPHeaders: { authorization: `Bearer ${key}` },
  });
  expect((await program.get('/api/me')).status()).toBe(200);

  await page.reload();
  const row = page.getByTestId('key-row');
  await expect(row).toContainText(`${key.split('_').slice(0, 2).join('_')}_…`);
  expect(await page.content()).not.toContain(key);

  await row.getByRole('button', { name: 'Delete the key CRM import' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete key' }).click();
  await expect(row).toHaveCount(0);
  await expect(async () => expect((await program.get('/api/me')).status()).toBe(401)).toPass({
    timeout: 5000,
  });
  await program.dispose();
});

test('KEY-4 a viewer key reads and may not write', async ({ page, playwright, baseURL }) => {
  await open(page, '/settings/api-keys', 'api-keys');
  await page.getByRole('button', { name: 'Make the first key' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill('Reader');
  await dialog.getByLabel('Role').selectOption('viewer');
  await dialog.getByRole('button', { name: 'Create key' }).click();
  const key = (await dialog.getByTestId('new-key').textContent())!;
  const program = await playwright.request.newContext({
    baseURL,
    extraHTTPHeaders: { authorization: `Bearer ${key}` },
  });
  expect((await program.get('/api/prompts')).status()).toBe(200);
  const refused = await program.post('/api/prompts', {
    data: { name: 'x', content: { prompt: 'x', model: 'sandbox-small' } },
  });
  expect(refused.status()).toBe(403);
  expect((await refused.json()).error.code).toBe('forbidden');
  await program.dispose();
});

test('PK-1 a wrong provider key is not saved, and the provider is quoted', async ({ page }) => {
  await open(page, '/settings/provider-keys', 'provider-keys');
  await page.getByRole('button', { name: 'Connect a provider' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('API key').fill('sk-wrong');
  // nobody listens there
  await dialog.getByLabel('Base URL').fill('http://127.0.0.1:9/v1');
  await dialog.getByRole('button', { name: 'Test and connect' }).click();
  await expect(dialog.getByRole('alert')).toContainText('Not saved');
  await page.keyboard.press('Escape');
  await page.reload();
  await expect(page.getByTestId('connection-row')).toHaveCount(0);
});

test('T3 an admin sets a price of the team, and sees that it is in force and whose it is', async ({
  page,
}) => {
  await open(page, '/settings/provider-keys', 'provider-keys');
  const row = page.getByTestId('price-row').filter({ hasText: 'sandbox-small' });
  await expect(row).toContainText('$0.30 / 1M tokens');
  await row.getByRole('button', { name: 'Set price of sandbox-small' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Input').fill('0.0000001');
  await dialog.getByRole('button', { name: 'Save price' }).click();
  await expect(dialog.getByText('must be a decimal')).toBeVisible();
  await dialog.getByLabel('Input').fill('0.25');
  await dialog.getByRole('button', { name: 'Save price' }).click();
  await expect(dialog).toHaveCount(0);
  await expect(row).toContainText('$0.25 / 1M tokens');
  await expect(row).toContainText('$1.50 / 1M tokens');
  await expect(row).toContainText('set by the team');
});
