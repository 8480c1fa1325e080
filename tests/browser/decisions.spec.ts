/** People in a run: what asks for them is found, understood and decided; starts on a schedule and ways of a switch are set up without code. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test, type Page } from '@playwright/test';
import { answer, api, open, ready, signUp } from './people.ts';

const at = (x: number) => ({ position: { x, y: 0 } });
const approval = {
  name: 'Offer',
  nodes: [
    { id: 'start', kind: 'trigger', ...at(0), config: { on: 'manual' } },
    {
      id: 'ask',
      kind: 'approval',
      name: 'Ask Ana',
      ...at(300),
      config: { message: 'Send it to {{ trigger.customer }}?' },
    },
    { id: 'yes', kind: 'output', ...at(600), config: { value: 'sent' } },
  ],
  edges: [
    { id: 'a', source: 'start', target: 'ask' },
    { id: 'b', source: 'ask', sourceHandle: 'approved', target: 'yes' },
  ],
  settings: {},
};

async function begin(page: Page, definition: object, input: object): Promise<string> {
  const { id } = await answer<{ id: string }>(page, 'POST', '/api/workflows', definition);
  const run = await answer<{ executionId: string }>(page, 'POST', `/api/workflows/${id}/trigger`, { input });
  return run.executionId;
}

test('an approval is found under Decisions while its run waits, and the run goes on once it is given', async ({
  page,
}) => {
  await signUp(page);
  await open(page, '/dashboard/decisions', 'decisions');
  await expect(page.getByText('Nothing waits for you')).toBeVisible();
  const id = await begin(page, approval, { customer: 'Acme' });
  // it comes by itself, over the live socket
  const decision = page.getByTestId('decision-row').getByTestId('decision');
  await expect(decision).toHaveCount(1);
  await expect(decision.getByTestId('decision-message')).toHaveText('Send it to Acme?');
  await page.getByRole('link', { name: 'Offer' }).click();
  await ready(page, 'execution');
  await expect(page.getByTestId('execution-status')).toHaveText('Paused');
  // it goes on by itself once decided: there is nothing to resume
  await expect(page.getByRole('button', { name: 'Resume' })).toHaveCount(0);
  await page.getByRole('button', { name: 'Approve' }).click();
  await expect(page.getByTestId('execution-status')).toHaveText('Completed');
  await expect(page.locator('[data-testid="node-run-row"][data-id="yes"]')).toHaveAttribute(
    'data-status',
    'succeeded',
  );
  await open(page, '/dashboard/decisions', 'decisions');
  await expect(page.getByText('Nothing waits for you')).toBeVisible();
  expect(id).toMatch(/^exec_/);
});

test('an approval is found and given while another branch of its run goes on', async ({ page }) => {
  let release = () => {};
  const slow = createServer((_, response) => void (release = () => response.end('{"slow":true}')));
  await new Promise<void>((listening) => slow.listen(0, '127.0.0.1', listening));
  const url = `http://127.0.0.1:${(slow.address() as AddressInfo).port}/`;
  await signUp(page);
  const beside = {
    ...approval,
    nodes: [
      ...approval.nodes,
      { id: 'slow', kind: 'http', position: { x: 300, y: 200 }, config: { method: 'GET', url } },
    ],
    edges: [...approval.edges, { id: 'c', source: 'start', target: 'slow' }],
  };
  const id = await begin(page, beside, { customer: 'Acme' });
  await open(page, '/dashboard/decisions', 'decisions');
  const decision = page.getByTestId('decision-row').getByTestId('decision');
  await expect(decision.getByTestId('decision-message')).toHaveText('Send it to Acme?');
  await decision.getByRole('button', { name: 'Approve' }).click();
  await expect(page.getByText('Nothing waits for you')).toBeVisible();
  await open(page, `/dashboard/executions/${id}`, 'execution');
  const step = (node: string) => page.locator(`[data-testid="node-run-row"][data-id="${node}"]`);
  await expect(step('yes')).toHaveAttribute('data-status', 'succeeded');
  await expect(step('slow')).toHaveAttribute('data-status', 'running');
  await expect(page.getByTestId('execution-status')).toHaveText('Running');
  release();
  await expect(page.getByTestId('execution-status')).toHaveText('Completed');
  slow.close();
});

test('an event that began no run is kept as a dead letter, and begins one once the workflow is published', async ({
  page,
}) => {
  await signUp(page);
  const hooked = {
    ...approval,
    name: 'Leads',
    nodes: [{ id: 'start', kind: 'trigger', ...at(0), config: { on: 'webhook' } }, approval.nodes[2]],
    edges: [{ id: 'a', source: 'start', target: 'yes' }],
  };
  const { id } = await answer<{ id: string }>(page, 'POST', '/api/workflows', hooked);
  const { path } = await answer<{ path: string }>(page, 'POST', `/api/workflows/${id}/webhook`, {});
  await answer(page, 'PATCH', `/api/workflows/${id}/webhook`, { signed: false });
  expect((await api(page, 'POST', path, { lead: 'Ada' })).status()).toBe(409);

  await open(page, '/dashboard/executions', 'executions');
  await page.getByRole('link', { name: 'Look at the dead letters' }).click();
  await ready(page, 'dead-letters');
  const letter = page.getByTestId('dead-letter-row');
  await expect(letter).toHaveCount(1);
  await letter.getByRole('button', { name: 'Try again' }).click();
  await expect(letter.getByRole('alert')).toContainText('still has no published version');
  await answer(page, 'POST', `/api/workflows/${id}/publish`, {});
  await letter.getByRole('button', { name: 'Try again' }).click();
  await page.getByTestId('letter-closed').getByRole('link', { name: 'Open the run' }).click();
  await ready(page, 'execution');
  await expect(page.getByTestId('execution-status')).toHaveText('Completed');
});

test('EX-3: a failed run goes on from what failed in a new one that is linked to it, and both are counted', async ({
  page,
}) => {
  await signUp(page);
  const fails = {
    ...approval,
    name: 'Figures',
    nodes: [
      approval.nodes[0],
      { id: 'sum', kind: 'transform', ...at(300), config: { expression: '$error("no figures")' } },
    ],
    edges: [{ id: 'a', source: 'start', target: 'sum' }],
  };
  const id = await begin(page, fails, {});
  await open(page, `/dashboard/executions/${id}`, 'execution');
  await expect(page.getByTestId('execution-status')).toHaveText('Failed');
  await page.getByRole('button', { name: 'Go on from what failed' }).click();
  await page.waitForURL((url) => !url.pathname.endsWith(id));
  await ready(page, 'execution');
  await expect(page.getByTestId('execution-status')).toHaveText('Failed');
  await expect(page.getByRole('link', { name: 'an earlier run' })).toHaveAttribute(
    'href',
    `/dashboard/executions/${id}`,
  );
  // the figures count both runs
  await open(page, '/dashboard/executions?tab=figures', 'executions');
  await expect(page.getByTestId('kpi-success')).toHaveAttribute('data-value', '0');
  await expect(page.getByRole('img', { name: 'Runs by how they ended. 2 failed' })).toBeVisible();
});

test('a schedule shows its next five starts, and each case of a switch has an output of its own', async ({
  page,
}) => {
  await signUp(page);
  const { id } = await answer<{ id: string }>(page, 'POST', '/api/workflows', approval);
  await open(page, `/dashboard/workflows/${id}`, 'workflow');
  const card = (node: string) => page.locator(`[data-testid="canvas-node"][data-id="${node}"]`);
  await card('start').click();
  await page.getByLabel('Starts').selectOption('schedule');
  await page.getByLabel('Rhythm').selectOption('week');
  await page.getByLabel('On', { exact: true }).selectOption('Friday');
  await page.getByLabel('At', { exact: true }).fill('18:30');
  await page.getByLabel('At', { exact: true }).blur();
  const fires = page.getByTestId('next-fires').locator('li');
  await expect(fires).toHaveText(Array.from({ length: 5 }, () => /18:30$/));
  await expect(page.getByTestId('past-fires')).toContainText('does not start by this schedule yet');

  await card('ask').click();
  await page.getByTestId('add-node-btn').click();
  await page.getByTestId('node-switch').click();
  await page.keyboard.press('Escape');
  const added = page.locator('[data-testid="canvas-node"][data-kind="switch"]');
  await page.getByRole('button', { name: 'Add a case' }).click();
  const name = page.getByTestId('switch-case').nth(1).getByRole('textbox').first();
  await name.fill('urgent');
  await name.blur();
  await expect(added.locator('.svelte-flow__handle.source')).toHaveCount(3);
  await expect(added.locator('[data-handleid="urgent"]')).toHaveCount(1);
  await page.getByTestId('save-workflow-btn').click();
  await expect(page.getByTestId('save-status')).toHaveText(/^Saved \d\d:\d\d$/);
  const stored = await answer<{ nodes: { kind: string; config: Record<string, unknown> }[] }>(
    page,
    'GET',
    `/api/workflows/${id}`,
  );
  expect(stored.nodes.find(({ kind }) => kind === 'trigger')?.config).toMatchObject({ cron: '30 18 * * 5' });
  expect(stored.nodes.find(({ kind }) => kind === 'switch')?.config.cases).toMatchObject([
    { name: 'first' },
    { name: 'urgent' },
  ]);
});
