import { expect, test } from '@playwright/test';
import { answer, newPrompt, open, signUp } from './people.ts';

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

test('ROUTE-2 routes stand in a group of their own where models are picked, priced as their first model; a step has fallbacks', async ({
  page,
}) => {
  await signUp(page);
  const targets = [{ model: 'sandbox-large' }, { model: 'sandbox-small' }];
  await answer(page, 'POST', '/api/routes', { name: 'smart', targets });
  const prompt = await newPrompt(page, { prompt: 'Say hello.', model: 'sandbox-large', maxTokens: 100 });
  await open(page, `/dashboard/prompts/${prompt}`, 'prompt');
  const preview = page.getByTestId('cost-preview');
  await expect(preview).toHaveAttribute('data-layer', 'server');
  const asModel = await preview.getAttribute('data-value');
  const picker = page.getByRole('combobox', { name: 'Model' });
  await expect(picker.locator('optgroup[label="Routes"] option')).toHaveText(
    'smart · sandbox-large, then sandbox-small',
  );
  await picker.selectOption('smart');
  await expect(page.getByText('A route: sandbox-large, then sandbox-small.')).toBeVisible();
  await expect(preview).toHaveAttribute('data-value', asModel!);
  await page.getByRole('button', { name: 'Save and run' }).click();
  await expect(page.getByTestId('run-status')).toHaveAttribute('data-status', 'succeeded');

  const { id } = await answer<{ id: string }>(page, 'POST', '/api/workflows', {
    name: 'With fallback',
    nodes: [
      { id: 'start', kind: 'trigger', config: { on: 'manual' } },
      {
        id: 'ask',
        kind: 'prompt',
        position: { x: 320, y: 0 },
        config: { model: 'sandbox-500', prompt: 'Hi', maxTokens: 5 },
      },
    ],
    edges: [{ id: 'e', source: 'start', target: 'ask' }],
  });
  await open(page, `/dashboard/workflows/${id}`, 'workflow');
  await page.locator('[data-testid="canvas-node"][data-kind="prompt"]').click();
  const editor = page.getByTestId('node-editor');
  const group = editor.getByRole('group', { name: 'If it fails' });
  await group.getByRole('button', { name: 'Add fallback' }).click();
  await expect(group.getByRole('combobox', { name: 'Fallback 1' })).toHaveValue('smart');
  await group.getByRole('button', { name: 'Add fallback' }).click();
  await group.getByRole('combobox', { name: 'Fallback 2' }).selectOption('sandbox-small');
  await group.getByRole('button', { name: 'Remove fallback 1' }).click();
  await expect(group.getByRole('combobox', { name: 'Fallback 1' })).toHaveValue('sandbox-small');
  await page.getByTestId('run-workflow-btn').click();
  await expect(page.getByTestId('execution-status')).toHaveText('Completed');
  const { nodes } = await answer<{ nodes: { config: { fallback?: string[] } }[] }>(
    page,
    'GET',
    `/api/workflows/${id}`,
  );
  expect(nodes[1]!.config.fallback).toEqual(['sandbox-small']);
});
