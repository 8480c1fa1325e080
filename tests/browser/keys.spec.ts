import { expect, test, type Page } from '@playwright/test';
import { openaiServer } from '../contracts/openai-server.ts';
import { answer, newPrompt, open, ready, signUp } from './people.ts';

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

test('KEY-5 a key that nobody used for 30 days is pointed out, not a day before', async ({ page }) => {
  await answer(page, 'POST', '/api/keys', { name: 'Old import', role: 'viewer' });
  const DAY_MS = 24 * 3600 * 1000;
  for (const [days, told] of [
    [29, 0],
    [31, 1],
  ] as const) {
    await page.clock.setFixedTime(Date.now() + days * DAY_MS);
    await open(page, '/settings/profile', 'profile');
    await page.getByRole('link', { name: 'API keys' }).click();
    await ready(page, 'api-keys');
    await expect(page.getByTestId('key-row')).toHaveCount(1);
    await expect(page.getByTestId('key-unused')).toHaveCount(told);
  }
});

test('KEY-6 a rotated key has the settings of the old one, and both work until one is deleted', async ({
  page,
  request,
}) => {
  const settings = {
    role: 'viewer',
    tags: ['acme'],
    requestsPerMinute: 50,
    tokensPerMinute: 9_000,
    cacheTtlSeconds: 300,
    allowedModels: ['sandbox-*'],
    deniedModels: ['sandbox-large'],
    maxInputTokens: 4_000,
  };
  const { key: before } = await answer<{ key: string }>(page, 'POST', '/api/keys', {
    name: 'CRM',
    ...settings,
  });
  const works = async (key: string) =>
    (await request.get('/api/me', { headers: { authorization: `Bearer ${key}` } })).status();
  await open(page, '/settings/api-keys', 'api-keys');
  await page.getByRole('button', { name: 'Rotate the key CRM' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Rotate key' }).click();
  const after = (await dialog.getByTestId('new-key').textContent())!;
  await dialog.getByRole('button', { name: 'Done' }).click();
  expect(after).not.toBe(before);
  expect([await works(before), await works(after)]).toEqual([200, 200]);
  const { data } = await answer<{ data: { name: string }[] }>(page, 'GET', '/api/keys');
  expect(data).toHaveLength(2);
  expect(data.find(({ name }) => name === 'CRM (rotated)')).toMatchObject(settings);

  await page.getByRole('button', { name: 'Delete the key CRM', exact: true }).click();
  await dialog.getByRole('button', { name: 'Delete key' }).click();
  await expect(page.getByTestId('key-row')).toHaveCount(1);
  await expect(async () => expect(await works(before)).toBe(401)).toPass({ timeout: 5000 });
  expect(await works(after)).toBe(200);
});

/** A provider on loopback that takes one key. */
const KEY = 'sk-right-key-0123456789';
const provider = openaiServer(({ url, headers }) => {
  if (headers.authorization !== `Bearer ${KEY}`)
    return { status: 401, body: { error: { message: 'Incorrect API key provided.' } } };
  return url === '/v1/models' ? { status: 200, body: { data: [{ id: 'llama3' }, { id: 'qwen' }] } } : null;
});
test.describe('a provider', () => {
  test.beforeAll(() => provider.start());
  test.afterAll(() => provider.stop().then(() => undefined));

  async function fillIn(page: Page, key: string) {
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Provider').selectOption('openai-compatible');
    await dialog.getByRole('button', { name: 'Test and connect' }).click();
    await expect(dialog.getByText('This is needed.')).toBeVisible();
    await dialog.getByLabel('API key').fill(key);
    await dialog.getByLabel('Base URL').fill(`${provider.origin()}/v1`);
    await dialog.getByLabel('Its models are free').check();
    await dialog.getByLabel('Name', { exact: false }).first().fill('my server');
    await dialog.getByRole('button', { name: 'Add a header' }).click();
    await dialog.getByLabel('Name of header 1').fill('X-Gateway-Auth');
    await dialog.getByLabel('Value of header 1').fill('header-secret-0123');
    await dialog.getByRole('button', { name: 'Test and connect' }).click();
    return dialog;
  }

  test('PK-1 with a wrong key is not saved, and is quoted', async ({ page }) => {
    await open(page, '/settings/provider-keys', 'provider-keys');
    await page.getByRole('button', { name: 'Connect a provider' }).click();
    const dialog = await fillIn(page, 'sk-wrong');
    await expect(dialog.getByRole('alert')).toContainText('Not saved');
    await expect(dialog.getByText('Incorrect API key provided.').first()).toBeVisible();
    await page.keyboard.press('Escape');
    await page.reload();
    await expect(page.getByTestId('connection-row')).toHaveCount(0);
  });

  test('PK-2 is connected by its own form, tried again, and neither key nor header can be read', async ({
    page,
  }) => {
    await open(page, '/settings/provider-keys', 'provider-keys');
    await page.getByRole('button', { name: 'Connect a provider' }).click();
    await expect(await fillIn(page, KEY)).toHaveCount(0);
    const row = page.getByTestId('connection-row');
    await expect(row).toHaveAttribute('data-status', 'connected');
    for (const text of ['my server', 'Free', '…6789', 'x-gateway-auth'])
      await expect(row).toContainText(text);
    const told = await answer<object>(page, 'GET', '/api/integrations');
    for (const place of [await page.content(), JSON.stringify(told)]) {
      expect(place).not.toContain(KEY);
      expect(place).not.toContain('header-secret-0123');
    }

    await provider.stop();
    await row.getByRole('button', { name: 'Test again openai-compatible my server' }).click();
    await expect(row).toHaveAttribute('data-status', 'failed');
    await expect(row).toContainText('It could not be reached.');
    await provider.start();
  });

  test('PK-4 is not disconnected before it is said what uses it, and where that goes on', async ({
    page,
  }) => {
    await answer(page, 'POST', '/api/integrations/connect', {
      provider: 'openai-compatible',
      apiKey: KEY,
      baseUrl: `${provider.origin()}/v1`,
      free: true,
    });
    const route = { name: 'safe', targets: [{ model: 'qwen' }, { model: 'sandbox-small' }] };
    await answer(page, 'POST', '/api/routes', route);
    const prompt = await newPrompt(page, { prompt: 'Hi', model: 'llama3' });
    const config = { model: 'qwen', prompt: 'Hi' };
    const { id: workflow } = await answer<{ id: string }>(page, 'POST', '/api/workflows', {
      name: 'Qualify leads',
      nodes: [
        { id: 'start', kind: 'trigger', config: { on: 'manual' } },
        { id: 'ask', kind: 'prompt', config },
      ],
      edges: [{ id: 'e', source: 'start', target: 'ask' }],
    });

    await open(page, '/settings/provider-keys', 'provider-keys');
    const disconnect = page.getByRole('button', { name: 'Disconnect openai-compatible default' });
    await disconnect.click();
    const dialog = page.getByRole('dialog');
    const refused = dialog.getByTestId('dependents-refused');
    await expect(refused.getByTestId('dependent-row')).toHaveCount(2);
    await expect(refused.locator(`[data-id="${prompt}"]`)).toHaveAttribute('data-kind', 'prompt');
    await expect(refused.getByRole('link', { name: 'Qualify leads' })).toHaveAttribute(
      'href',
      `/dashboard/workflows/${workflow}`,
    );
    const going = dialog.getByTestId('dependents-going');
    await expect(going).toContainText('Route safe');
    await expect(going).toContainText('sandbox-small');
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    await expect(dialog).toHaveCount(0);
    await expect(disconnect).toBeFocused();

    await disconnect.click();
    await dialog.getByRole('button', { name: 'Disconnect' }).click();
    await expect(page.getByTestId('connection-row')).toHaveCount(0);
  });
});

test('PK-3 a new price holds from its date, and what was spent stays', async ({ page }) => {
  const log = { model: 'sandbox-small', inputTokens: 1_000, outputTokens: 100 };
  const spent = (occurredAt: string) =>
    answer<{ costNanoUsd: number }>(page, 'POST', '/api/token-tracking/log', { ...log, occurredAt }).then(
      ({ costNanoUsd }) => costNanoUsd,
    );
  expect(await spent('2026-03-01T12:00:00Z')).toBe(450_000);

  await open(page, '/settings/provider-keys', 'provider-keys');
  const row = page.getByTestId('price-row').filter({ hasText: 'sandbox-small' });
  await row.getByRole('button', { name: 'Set price of sandbox-small' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Free').check();
  await expect(dialog.getByLabel('Output')).toHaveCount(0);
  await dialog.getByLabel('From').fill('2026-03-10');
  await dialog.getByRole('button', { name: 'Save price' }).click();
  await expect(dialog).toHaveCount(0);
  await expect(row).toContainText('Free');

  expect(await spent('2026-03-09T12:00:00Z')).toBe(450_000);
  expect(await spent('2026-03-11T12:00:00Z')).toBe(0);
  await expect(async () => {
    const { data } = await answer<{ data: { costNanoUsd: number }[] }>(
      page,
      'GET',
      '/api/token-tracking/ledger',
    );
    expect(data.map((one) => one.costNanoUsd).sort()).toEqual([0, 450_000, 450_000]);
  }).toPass({ timeout: 10_000 });
});

test('T3 an admin sets a price of the team, and sees that it is in force and whose it is', async ({
  page,
}) => {
  await open(page, '/settings/provider-keys', 'provider-keys');
  const row = page.getByTestId('price-row').filter({ hasText: 'sandbox-small' });
  await expect(row).toContainText('$0.30 / 1M tokens');
  await row.getByRole('button', { name: 'Set price of sandbox-small' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Input', { exact: true }).fill('0.0000001');
  await dialog.getByRole('button', { name: 'Save price' }).click();
  await expect(dialog.getByText('must be a decimal')).toBeVisible();
  await dialog.getByLabel('Input', { exact: true }).fill('0.25');
  await dialog.getByRole('button', { name: 'Save price' }).click();
  await expect(dialog).toHaveCount(0);
  await expect(row).toContainText('$0.25 / 1M tokens');
  await expect(row).toContainText('$1.50 / 1M tokens');
  await expect(row).toContainText('set by the team');

  await row.getByRole('button', { name: 'Set price of sandbox-small' }).click();
  await dialog.getByText('More: long requests, tiers, fees').click();
  await dialog.getByRole('button', { name: 'Add a tier' }).click();
  await dialog.getByLabel('Above', { exact: true }).fill('200000');
  const tier = dialog.getByRole('group', { name: /Long requests/ });
  await tier.getByLabel('Input').fill('0.5');
  await tier.getByLabel('Output').fill('3');
  await dialog.getByLabel('priority').fill('2');
  await dialog.getByLabel('Web searches').fill('10');
  await dialog.getByRole('button', { name: 'Save price' }).click();
  await expect(dialog).toHaveCount(0);
  await expect(row).toContainText('dearer above 200K tokens · priority ×2 · web search $10 / 1K');
});
