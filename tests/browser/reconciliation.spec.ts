/** The books: three sums that agree, a proof and a rebuild on demand, invoices beside the ledger. */
import { readFile } from 'node:fs/promises';
import { expect, test, type Page } from '@playwright/test';
import { answer, newPrompt, open, signUp } from './people.ts';

const HEADER =
  'start_time,end_time,start_time_iso,end_time_iso,amount_value,amount_currency,quantity,quantity_unit,line_item,user_id,api_key_id,project_id';
const line = (amount: string, item: string, currency = 'usd') =>
  `1793664000,1793750400,2026-11-03T00:00:00+00:00,2026-11-04T00:00:00+00:00,${amount},${currency},1000,tokens,"${item}",,,proj_1`;
const csv = (...lines: string[]) => Buffer.from([HEADER, ...lines, ''].join('\n'));

async function upload(page: Page, buffer: Buffer) {
  await page
    .getByTestId('invoice-file')
    .setInputFiles({ name: 'november.csv', mimeType: 'text/csv', buffer });
  await page.getByTestId('invoice-send-btn').click();
}

test('the sums agree, every row can be proved, and a rebuild of sound books finds nothing', async ({
  page,
}) => {
  await signUp(page);
  const id = await newPrompt(page, { prompt: 'Name a river.', model: 'sandbox-small', maxTokens: 20 });
  await answer(page, 'POST', `/api/prompts/${id}/run`, {});
  await open(page, '/dashboard/usage?tab=reconciliation', 'usage');
  await expect(page.getByTestId('reconciliation')).toHaveAttribute('data-status', 'agree');
  await expect(page.getByTestId('sum-drift')).toHaveAttribute('data-value', '0');
  await expect(page.getByTestId('sum-counter')).not.toHaveAttribute('data-value', '0');

  await expect
    .poll(
      async () =>
        (await answer<{ newestRow: number }>(page, 'GET', '/api/token-tracking/reconcile')).newestRow,
    )
    .toBeGreaterThan(0);
  await page.getByTestId('verify-all-btn').click();
  await expect(page.getByTestId('verified')).not.toHaveAttribute('data-value', '0');
  await expect(page.getByTestId('verified')).toContainText('were summed one by one');

  await page.getByTestId('rebuild-btn').click();
  await expect(page.getByTestId('rebuild-result')).toHaveAttribute('data-status', 'equal');
});

test('an invoice with a fault is refused by line and column; a sound one is compared, saved and deleted', async ({
  page,
}) => {
  await signUp(page);
  await open(page, '/dashboard/usage?tab=reconciliation', 'usage');
  await expect(page.getByTestId('empty-first-use')).toBeVisible();
  await page.getByTestId('upload-invoice-btn').click();
  await upload(page, csv(line('0.5', 'gpt-4o, input'), line('half a dollar', 'gpt-4o, output')));
  await expect(page.getByTestId('invoice-fault')).toContainText('line 3, column 5');

  await upload(page, csv(line('0.5', 'gpt-4o, input'), line('0.25', 'gpt-4o, output')));
  await expect(page.getByTestId('invoice-dialog')).toBeHidden();
  await expect(page.getByTestId('invoice-row')).toHaveCount(1);
  await expect(page.getByTestId('invoice-total')).toHaveAttribute('data-value', '0.75');
  const row = page.getByTestId('difference-row');
  await expect(row).toHaveAttribute('data-status', 'only_invoice');
  await expect(row.getByTestId('row-difference')).toHaveAttribute('data-value', '0.75');

  const saved = page.waitForEvent('download');
  await page.getByTestId('difference-csv').click();
  expect(await readFile(await (await saved).path(), 'utf8')).toContain('2026-11-03,"gpt-4o"');

  await page.getByRole('button', { name: 'Delete november.csv' }).click();
  await page.getByRole('button', { name: 'Delete invoice' }).click();
  await expect(page.getByTestId('empty-first-use')).toBeVisible();
  await expect(page.getByTestId('invoice-difference')).toBeHidden();
});
