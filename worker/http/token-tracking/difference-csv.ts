/** The comparison of an invoice with the ledger, as a file for a spreadsheet. */
import type { DifferenceRow } from '../../domain/invoice/difference.ts';
import { usd } from '../../domain/money-text.ts';

/** A cell that a spreadsheet would take for a formula is made text. */
const quoted = (text: string) => `"${(/^[=+\-@\t\r]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;

export const csvOf = (rows: readonly DifferenceRow[]): string =>
  [
    'day,model,invoice_models,runs,ledger_usd,invoice_usd,difference_usd,difference_percent,status',
    ...rows.map((row) =>
      [
        row.day,
        quoted(row.model),
        quoted(row.invoiceModels.join('; ')),
        row.runs,
        usd(row.ledgerNanoUsd),
        usd(row.invoiceNanoUsd),
        usd(row.differenceNanoUsd),
        row.basisPoints === null ? '' : (row.basisPoints / 100).toFixed(2),
        row.status,
      ].join(','),
    ),
  ].join('\r\n') + '\r\n';
