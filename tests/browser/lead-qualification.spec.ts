/** The product's promise in one sitting: upload leads, qualify them within a budget, raise it, take the results away. */
import { readFileSync } from 'node:fs';
import { expect, test, type Page } from '@playwright/test';
import { demoKey, signInAsDemo } from './demo.ts';

const LEADS = [
  'id,company,contact,email,country,employees,industry,message,budget_eur',
  ...Array.from({ length: 40 }, (_, index) =>
    [
      index + 1,
      index % 5 === 0 ? `"Müller, ""Söhne"" ${index}"` : `Company ${index}`,
      'Kim Berg',
      `kim${index}@example.com`,
      'Germany',
      index * 25,
      'Retail',
      index % 2 ? 'We want to start this month and have the budget.' : '',
      index * 1000,
    ].join(','),
  ),
].join('\n');

interface Flow {
  id: string;
  nodes: { id: string; kind: string; config: Record<string, unknown> }[];
  settings: Record<string, unknown>;
  [field: string]: unknown;
}

/** A copy of the seeded workflow over the uploaded file, with a budget for each run. */
async function qualificationOf(page: Page, dataSourceId: string, budgetNanoUsd: number): Promise<Flow> {
  const headers = demoKey();
  const list = (await (await page.request.get('/api/workflows', { headers })).json()) as { data: Flow[] };
  const seeded = list.data.find((one) => one.name === 'AI lead qualification')!;
  const original = (await (
    await page.request.get(`/api/workflows/${seeded.id}`, { headers })
  ).json()) as Flow;
  const created = await page.request.post('/api/workflows', {
    headers,
    data: {
      name: 'Leads of the browser test',
      nodes: original.nodes.map((node) =>
        node.kind === 'data_source' ? { ...node, config: { ...node.config, dataSourceId } } : node,
      ),
      edges: original.edges,
      settings: { ...original.settings, budgetNanoUsd },
    },
  });
  expect(created.status()).toBe(201);
  return (await created.json()) as Flow;
}

test('upload, run live, pause at the run’s budget, raise it, and export what came out', async ({ page }) => {
  await signInAsDemo(page);
  const name = `Spring leads ${Date.now()}`;

  await page.goto('/dashboard/data-sources');
  await expect(page.getByTestId('page-data-sources')).toHaveAttribute('data-ready', 'true');
  await page.getByTestId('upload-file').setInputFiles({
    name: `${name}.csv`,
    mimeType: 'text/csv',
    buffer: Buffer.from(LEADS),
  });
  await expect(page.getByTestId('upload-done')).toHaveText(`${name}: 40 rows are ready.`);
  const row = page.getByTestId('data-source-row').filter({ hasText: name });
  const dataSourceId = (await row.getAttribute('data-id'))!;
  await row.getByRole('button', { name, exact: true }).click();
  await expect(page.getByTestId('preview').getByRole('cell', { name: 'Müller, "Söhne" 0' })).toBeVisible();
  await page.keyboard.press('Escape');

  const workflow = await qualificationOf(page, dataSourceId, 1_000_000);
  await page.goto(`/dashboard/workflows/${workflow.id}`);
  await expect(page.getByTestId('page-workflow')).toHaveAttribute('data-ready', 'true');
  await page.getByTestId('run-workflow-btn').click();
  await expect(page.getByTestId('execution-status')).toHaveText('Paused at budget', { timeout: 30_000 });
  const spent = Number(await page.getByTestId('run-cost').getAttribute('data-value'));
  expect(spent).toBeGreaterThan(0);
  expect(spent).toBeLessThanOrEqual(0.001);

  await page.getByLabel('New budget of this run (USD)').fill('1');
  await page.getByRole('button', { name: 'Raise this run’s budget and resume' }).click();
  await expect(page.getByTestId('execution-status')).toHaveText('Completed', { timeout: 30_000 });
  await expect(page.getByTestId('execution-status-completed')).toBeVisible();
  await expect(page.locator('[data-testid="canvas-node"][data-kind="prompt"]')).toHaveAttribute(
    'data-status',
    'succeeded',
  );
  const total = Math.round(Number(await page.getByTestId('run-cost').getAttribute('data-value')) * 1e9);
  const parts = await page
    .getByTestId('node-cost')
    .evaluateAll((all) => all.map((one) => Math.round(Number(one.dataset.value) * 1e9)));
  expect(parts.reduce((sum, part) => sum + part, 0)).toBe(total);

  await page.goto(`/dashboard/outputs?workflowId=${workflow.id}&tag=qualified`);
  await expect(page.getByTestId('page-outputs')).toHaveAttribute('data-ready', 'true');
  const count = await page.getByTestId('output-row').count();
  expect(count).toBeGreaterThan(0);
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByTestId('export-csv').click(),
  ]);
  expect(download.suggestedFilename()).toBe('outputs.csv');
  const csv = readFileSync(await download.path(), 'utf8');
  expect(csv.startsWith('\uFEFF')).toBe(true);
  expect(csv).toContain('value.score');
  expect(csv.trim().split('\r\n')).toHaveLength(count + 1);
});

test('a broken file is refused with its line, and nothing of it is kept', async ({ page }) => {
  await signInAsDemo(page);
  await page.goto('/dashboard/data-sources');
  await expect(page.getByTestId('page-data-sources')).toHaveAttribute('data-ready', 'true');
  const before = await page.getByTestId('data-source-row').count();
  await page.getByTestId('upload-file').setInputFiles({
    name: 'broken.csv',
    mimeType: 'text/csv',
    buffer: Buffer.from('id,name\n1,"never closed\n2,b\n'),
  });
  await expect(page.getByTestId('upload-error')).toContainText(/line 2/i);
  await page.reload();
  await expect(page.getByTestId('page-data-sources')).toHaveAttribute('data-ready', 'true');
  await expect(page.getByTestId('data-source-row')).toHaveCount(before);
});
