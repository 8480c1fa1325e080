import { expect, test } from '@playwright/test';
import { open, signUp } from './people.ts';

test('ROUTE-1 a route is made with its wrong target named, answers under its name, is changed and deleted', async ({
  page,
}) => {
  await signUp(page);
  await open(page, '/settings/routing', 'routing');
  await page.getByRole('button', { name: 'Make the first route' }).click();
  const dialog = page.getByRole('dialog');
  const target = (number: number) => dialog.getByRole('listitem', { name: `Target ${number}` });
  await dialog.getByRole('button', { name: 'Save route' }).click();
  await expect(dialog.getByLabel('Name')).toBeFocused();
  await dialog.getByLabel('Name').fill('smart');
  await target(1).getByLabel('Model').fill('sandbox-500');
  await target(1).getByLabel('Attempts').fill('1');
  await target(2).getByLabel('Model').fill('no-such-model');
  await dialog.getByRole('button', { name: 'Save route' }).click();
  await expect(target(2).getByLabel('Model')).toHaveAttribute('aria-invalid', 'true');
  await expect(target(2)).toContainText('is not a model of any');
  await target(2).getByLabel('Model').fill('sandbox-small');
  await dialog.getByRole('button', { name: 'Save route' }).click();
  const row = page.getByTestId('route-row');
  await expect(row).toContainText('sandbox-500');

  const called = await page.request.post('/v1/chat/completions', {
    headers: { origin: new URL(page.url()).origin },
    data: { model: 'smart', max_tokens: 5, messages: [{ role: 'user', content: 'hi' }] },
  });
  expect([called.status(), called.headers()['x-pm-model'], called.headers()['x-pm-attempts']]).toEqual([
    200,
    'sandbox/sandbox-small',
    '2',
  ]);

  await row.getByRole('button', { name: 'Edit the route smart' }).click();
  await target(2).getByRole('button', { name: 'Move target 2 up' }).click();
  await expect(target(1).getByLabel('Model')).toHaveValue('sandbox-small');
  await dialog.getByLabel('How a target is chosen').selectOption('weighted');
  await target(1).getByLabel('Weight').fill('3');
  await dialog.getByRole('button', { name: 'Save route' }).click();
  await expect(row.getByRole('listitem').first()).toContainText('75%');
  await expect(row.getByRole('listitem').first()).toContainText('sandbox-small');

  await row.getByRole('button', { name: 'Delete the route smart' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete route' }).click();
  await expect(page.getByTestId('empty-first-use')).toBeVisible();
});
