/** The builder: WB-1 by mouse, WB-2 by keyboard alone, WB-3 names, WB-6 undo and autosave. */
import { expect, test, type Page } from '@playwright/test';
import { signInAsDemo } from './demo.ts';

async function newWorkflow(page: Page): Promise<string> {
  await signInAsDemo(page);
  await page.goto('/dashboard/workflows/new');
  await expect(page.getByTestId('page-workflow')).toHaveAttribute('data-ready', 'true');
  return new URL(page.url()).pathname.split('/').at(-1)!;
}
const node = (page: Page, kind: string) => page.locator(`[data-testid="canvas-node"][data-kind="${kind}"]`);
const money = async (page: Page, testId: string) =>
  (await page.getByTestId(testId).evaluateAll((all) => all.map((one) => one.dataset.value!))).map((value) =>
    Math.round(Number(value) * 1e9),
  );

/** The run is done, every step succeeded, and the header's cost is the sum of the steps (EX-2). */
async function expectGoodRun(page: Page, steps: number) {
  await expect(page.getByTestId('execution-status')).toHaveText('Completed');
  await expect(page.getByTestId('execution-status-completed')).toBeVisible();
  await expect(page.getByTestId('node-run-row')).toHaveCount(steps);
  for (const row of await page.getByTestId('node-run-row').all())
    await expect(row).toHaveAttribute('data-status', 'succeeded');
  const [total] = await money(page, 'run-cost');
  const parts = await money(page, 'node-cost');
  expect(total).toBeGreaterThan(0);
  expect(parts.reduce((sum, part) => sum + part, 0)).toBe(total);
}

test('WB-1, WB-5 by mouse: add a prompt and an output, draw the line between them, run; then one step alone, and from it on', async ({
  page,
}) => {
  await newWorkflow(page);
  await expect(node(page, 'trigger')).toHaveCount(1);
  await page.getByTestId('add-node-btn').click();
  await expect(page.getByRole('searchbox', { name: 'Search steps' })).toBeFocused();
  await page.getByTestId('node-prompt').click();
  await expect(page.locator('.svelte-flow__edge')).toHaveCount(1);

  // an output placed by dragging has no line yet; one is drawn from handle to handle
  await page.getByTestId('node-output').dragTo(page.locator('.svelte-flow__pane'), {
    targetPosition: { x: 520, y: 420 },
  });
  await expect(node(page, 'output')).toHaveCount(1);
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Close step settings' }).click();
  await page.getByRole('button', { name: 'Fit View' }).click();
  await page.waitForTimeout(400);
  await node(page, 'prompt').locator('.svelte-flow__handle.source').hover();
  await page.mouse.down();
  await node(page, 'output').locator('.svelte-flow__handle.target').hover();
  await page.mouse.up();
  await expect(page.locator('.svelte-flow__edge')).toHaveCount(2);

  await page.getByTestId('run-workflow-btn').click();
  await expectGoodRun(page, 3);
  await expect(node(page, 'prompt')).toHaveAttribute('data-status', 'succeeded');
  await expect(page.getByTestId('save-status')).toHaveText(/^Saved \d\d:\d\d$/);

  // one step alone is given what the run has; from it on, only it runs and is paid
  await page.getByRole('treeitem', { name: /^Output/ }).click();
  await page.getByRole('button', { name: 'Try it' }).click();
  await expect(page.getByTestId('given').first()).toHaveAttribute('data-from', 'run');
  await page.getByTestId('try-step-btn').click();
  await expect(page.getByTestId('try-result')).toHaveAttribute('data-status', 'completed');
  await page.getByRole('button', { name: 'Run from here on' }).click();
  await expect(page.getByRole('link', { name: 'an earlier run' })).toBeVisible();
  await expect(page.getByTestId('execution-status')).toHaveText('Completed');
  expect(await money(page, 'run-cost')).toEqual([0]);
});

test('WB-2 by keyboard alone: the same, with the palette’s search and the outline', async ({ page }) => {
  await newWorkflow(page);
  await page.getByTestId('add-node-btn').focus();
  await page.keyboard.press('Enter');
  await page.keyboard.type('prompt');
  await page.keyboard.press('Enter');
  await expect(node(page, 'prompt')).toHaveCount(1);
  await page.keyboard.type('output');
  await page.keyboard.press('Enter');
  await expect(node(page, 'output')).toHaveCount(1);
  await page.keyboard.press('Escape');
  await expect(page.getByTestId('add-node-btn')).toBeFocused();

  // the outline takes a line away and draws it again
  await page.getByRole('button', { name: 'Outline' }).focus();
  await page.keyboard.press('Enter');
  const choose = async (action: string) => {
    await page.getByRole('button', { name: 'Actions of Prompt' }).focus();
    await page.keyboard.press('Enter');
    await expect(page.getByRole('menu')).toBeVisible();
    const wanted = page.getByRole('menuitem', { name: new RegExp(`^${action}`) });
    await expect(async () => {
      if (!(await wanted.evaluate((item) => item.matches(':focus')))) await page.keyboard.press('ArrowDown');
      await expect(wanted).toBeFocused({ timeout: 100 });
    }).toPass({ timeout: 8_000 });
    await page.keyboard.press('Enter');
    await expect(page.getByRole('menu')).toBeHidden();
  };
  await choose('Disconnect');
  await expect(page.getByTestId('outline-row').filter({ hasText: '→ Output' })).toHaveCount(0);
  await choose('Connect');
  await page.getByLabel('Next step').focus();
  await page.keyboard.type('Output');
  await page.getByRole('button', { name: 'Connect', exact: true }).focus();
  await page.keyboard.press('Enter');
  await expect(page.getByTestId('outline-row').filter({ hasText: '→ Output' })).toHaveCount(1);

  await page.keyboard.press('Control+Enter');
  await expectGoodRun(page, 3);
});

test('WB-3 every node says its kind, its label and how it stands', async ({ page }) => {
  await newWorkflow(page);
  await page.getByTestId('add-node-btn').click();
  await page.getByTestId('node-condition').click();
  await page.getByLabel('Name (optional)').fill('Big enough?');
  await expect(node(page, 'condition')).toHaveAttribute('aria-label', /^Condition: Big enough\?, not run/);
  await expect(node(page, 'trigger')).toHaveAttribute('aria-label', /^Trigger: Trigger, not run/);
});

test('alerts are set beside the settings and say where they go; WB-8 a version is compared with the draft and comes back', async ({
  page,
}) => {
  const id = await newWorkflow(page);
  await page.getByRole('button', { name: 'More about this workflow' }).click();
  await page.getByRole('menuitem', { name: 'Alerts' }).click();
  await page.getByRole('checkbox', { name: 'A run takes long' }).check();
  await expect(page.getByTestId('alerts-state')).toHaveText('Saved');
  await page.getByLabel('Longer than', { exact: true }).fill('3');
  await expect(page.getByTestId('alert-channels')).toContainText('Long runs');
  // what was typed last is saved on the way out
  await page.getByRole('button', { name: 'Done' }).click();
  await expect
    .poll(async () => (await page.request.get(`/api/workflows/${id}/alerts`)).json())
    .toEqual({ onFailure: false, slowMs: 180_000, costPercent: null });

  await page.getByTestId('publish-workflow-btn').click();
  await expect(page.getByText('Published v1')).toBeVisible();
  await node(page, 'trigger').click();
  await page.getByLabel('Name (optional)').fill('Begin here');
  await page.getByRole('button', { name: 'Unpublished changes' }).click();
  const changed = page.getByTestId('node-change');
  await expect(changed).toHaveAttribute('data-change', 'changed');
  await expect(changed.getByRole('insertion')).toHaveText('Begin here');
  await page.getByRole('button', { name: 'Bring it back into the draft' }).click();
  await page.getByRole('button', { name: 'Bring it back', exact: true }).click();
  await expect(page.getByTestId('diff-summary')).toHaveText('Nothing differs.');
  await page.getByTestId('versions-dialog').getByRole('button', { name: 'Done' }).click();
  await expect(node(page, 'trigger')).toHaveAttribute('aria-label', /^Trigger: Trigger/);
});

test('WB-4 the estimate is a range with what it rests on; a map multiplies; a model change shows without saving', async ({
  page,
}) => {
  await newWorkflow(page);
  const estimate = page.getByTestId('workflow-estimate');
  const ceiling = async () => Math.round(Number(await estimate.getAttribute('data-value')) * 1e9);
  await page.getByTestId('add-node-btn').click();
  for (const kind of ['map', 'prompt']) await page.getByTestId(`node-${kind}`).click();
  await page.keyboard.press('Escape');
  await page.getByLabel('Prompt', { exact: true }).fill('Name a colour.');
  const itemsAre = async (count: number) => {
    // the canvas may still be gliding to the step just added: a click on the way misses the header
    await expect(async () => {
      await node(page, 'map').click({ position: { x: 120, y: 20 } });
      await expect(page.getByLabel('Items')).toBeVisible({ timeout: 1_000 });
    }).toPass();
    await page.getByLabel('Items').fill(JSON.stringify(Array.from({ length: count }, (_, index) => index)));
  };
  await itemsAre(1);
  await expect.poll(ceiling).toBeGreaterThan(0);
  const one = await ceiling();
  await itemsAre(50);
  await expect.poll(ceiling).toBe(50 * one);
  const fifty = 50 * one;
  await expect(estimate).toContainText('up to');
  await expect(estimate).toContainText('Rough, no runs yet');

  await node(page, 'prompt').click();
  await page.getByLabel('Model').selectOption('sandbox-large');
  await expect.poll(ceiling).toBe(10 * fifty);
});

test('WB-6 undo brings back nodes, edges and texts; what was edited is still there after a reload', async ({
  page,
}) => {
  await newWorkflow(page);
  await page.getByTestId('add-node-btn').click();
  await page.getByTestId('node-prompt').click();
  await page.keyboard.press('Escape');
  await page.getByLabel('Prompt', { exact: true }).fill('Say hello to the new customer.');
  await node(page, 'prompt').click();
  await page.keyboard.press('Delete');
  await expect(node(page, 'prompt')).toHaveCount(0);
  await page.keyboard.press('Control+z');
  await expect(node(page, 'prompt')).toHaveCount(1);
  await expect(page.locator('.svelte-flow__edge')).toHaveCount(1);
  await expect(page.getByTestId('save-status')).toHaveText(/^Saved/, { timeout: 8_000 });
  await page.reload();
  await node(page, 'prompt').click();
  await expect(page.getByLabel('Prompt', { exact: true })).toHaveValue('Say hello to the new customer.');
});

test('a workflow that cannot run says what is missing, and leads to the step', async ({ page }) => {
  await newWorkflow(page);
  await page.getByTestId('add-node-btn').click();
  await page.getByTestId('node-prompt').click();
  await page.getByLabel('Prompt', { exact: true }).fill('');
  await page.getByTestId('run-workflow-btn').click();
  const problems = page.getByTestId('problem-list');
  await expect(problems).toBeVisible();
  await expect(page.getByTestId('execution-viewer')).toHaveCount(0);
  await problems.getByRole('button', { name: 'Prompt' }).click();
  await expect(page.getByTestId('node-editor')).toBeVisible();
});
