import { expect, test } from '@playwright/test';
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
