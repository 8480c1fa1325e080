import { expect, test } from '@playwright/test';
import { answer, api, open, signUp } from './people.ts';

test('G7 an admin forbids a model and a text, calls with a key are refused, and pass when the rules are gone', async ({
  page,
  playwright,
  baseURL,
}) => {
  await signUp(page);
  const { key } = await answer<{ key: string }>(page, 'POST', '/api/keys', { name: 'CRM', role: 'runner' });
  const program = await playwright.request.newContext({
    baseURL,
    extraHTTPHeaders: { authorization: `Bearer ${key}` },
  });
  const ask = async (content: string) => {
    const called = await program.post('/v1/chat/completions', {
      data: { model: 'sandbox-small', max_tokens: 5, messages: [{ role: 'user', content }] },
    });
    const { error } = (await called.json()) as { error?: { code: string; rule: string } };
    return [called.status(), error?.code, error?.rule];
  };
  const save = page.getByRole('button', { name: 'Save guardrails' });
  const state = page.getByTestId('save-state');
  const PASSES = [200, undefined, undefined];
  expect(await ask('hello')).toEqual(PASSES);

  await open(page, '/settings/guardrails', 'guardrails');
  await page.getByLabel('Denied models').fill('sandbox-s*');
  await expect(state).toHaveText('Not saved yet');
  await save.click();
  await expect(state).toContainText('Saved');
  await expect(async () =>
    expect(await ask('hello')).toEqual([403, 'guardrail_blocked', 'denied_models']),
  ).toPass();

  await page.getByLabel('Denied models').fill('');
  await page.getByRole('button', { name: 'Add a blocked text' }).click();
  const blocked = page.getByTestId('blocked-row');
  await expect(blocked.getByLabel('Name')).toBeFocused();
  await blocked.getByLabel('Name').fill('projects');
  await blocked.getByRole('textbox', { name: 'Text' }).fill('**');
  await page.getByLabel('Max input tokens').fill('many');
  await save.click();
  await expect(page.getByLabel('Max input tokens')).toBeFocused();
  await expect(blocked.getByRole('textbox', { name: 'Text' })).toHaveAccessibleDescription(/characters/);
  await page.getByLabel('Max input tokens').fill('5,000');
  await blocked.getByRole('textbox', { name: 'Text' }).fill('project * falcon');
  await save.click();
  await expect(state).toContainText('Saved');
  await expect(page.getByLabel('Max input tokens')).toHaveValue('5000');
  await expect(async () =>
    expect(await ask('of Project "Red Falcon"')).toEqual([403, 'guardrail_blocked', 'blocked_pattern']),
  ).toPass();
  expect(await ask('hello')).toEqual(PASSES);

  await page.reload();
  await expect(blocked.getByRole('textbox', { name: 'Text' })).toHaveValue('project * falcon');
  await page.getByRole('button', { name: 'Remove blocked text 1' }).click();
  await save.click();
  await expect(state).toContainText('Saved');
  await expect(async () => expect(await ask('of Project "Red Falcon"')).toEqual(PASSES)).toPass();
  await program.dispose();
});

test('SET-1 leaving guardrails that are not saved asks; staying keeps them, leaving loses them', async ({
  page,
}) => {
  await signUp(page);
  await open(page, '/settings/guardrails', 'guardrails');
  await page.getByLabel('Allowed models', { exact: true }).selectOption('listed');
  await expect(page.getByTestId('allows-none')).toBeVisible();
  const leave = page.getByRole('dialog', { name: 'Leave without saving?' });
  const elsewhere = page.getByRole('link', { name: 'Routing', exact: true });
  await elsewhere.click();
  await leave.getByRole('button', { name: 'Stay' }).click();
  await expect(page).toHaveURL(/guardrails$/);
  await expect(page.getByLabel('List of allowed models')).toBeVisible();
  await elsewhere.click();
  await leave.getByRole('button', { name: 'Leave' }).click();
  await expect(page).toHaveURL(/routing$/);
  expect(await answer(page, 'GET', '/api/guardrails')).toMatchObject({ allowedModels: null });
});

test('SHELL-6 who may not manage guardrails is told who can', async ({ page, browser, baseURL }) => {
  const admin = await (await browser.newContext({ baseURL })).newPage();
  await signUp(admin);
  const { email } = await signUp(page);
  const { team } = await answer<{ team: { id: string } }>(admin, 'GET', '/api/me');
  const invited = await answer<{ token: string }>(admin, 'POST', `/api/teams/${team.id}/invitations`, {
    email,
    role: 'editor',
  });
  await answer(page, 'POST', '/api/invitations/accept', { token: invited.token });
  await page.request.get('/api/me', { headers: { 'x-team-id': team.id } });
  await open(page, '/settings/guardrails', 'guardrails');
  const told = page.getByTestId('empty-no-access');
  await expect(told).toContainText('Needs the role admin or higher. You are an editor');
  expect((await api(page, 'GET', '/api/guardrails')).status()).toBe(403);
  await admin.context().close();
});
