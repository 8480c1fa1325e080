/** Reads an invoice: a CSV text into sums per model and day. One fault, named by line and column, refuses the whole. */
import { CsvFault, CsvReader } from '../data/csv.ts';
import type { Issue } from '../refusal.ts';
import { err, ok, type Result } from '../result.ts';
import { atRate, ONE, parseAmount, toNanoUsd } from './amount.ts';
import { dayOf, FORMATS, headerOf, hintFor, type Header, type InvoiceFormat } from './formats.ts';

/** A file may begin with a few lines about itself. */
const MOST_PREAMBLE_ROWS = 20;
const MOST_LINES = 20_000;
const MOST_ISSUES = 20;

export interface InvoiceLine {
  /** YYYY-MM-DD, or YYYY-MM of an invoice by the month */
  day: string;
  /** as the invoice writes it */
  model: string;
  costNanoUsd: number;
  /** rows of the file in it */
  rows: number;
}

export interface ReadInvoice {
  format: InvoiceFormat['name'];
  provider: string | null;
  by: 'day' | 'month';
  currency: string;
  /** how many digits behind the point amounts had at most: what a difference by rounding may be */
  decimals: number;
  rows: number;
  /** rows without day and model: totals and the like */
  leftOutRows: number;
  totalNanoUsd: number;
  lines: InvoiceLine[];
}

export interface ReadOptions {
  /** columns of a file of no known provider */
  columns?: { date: string; model: string; amount: string; currency?: string };
  /** dollars per unit of other currencies, in units of 10^-24 */
  rates: ReadonlyMap<string, bigint>;
}

export function readInvoice(text: string, { columns, rates }: ReadOptions): Result<ReadInvoice, Issue[]> {
  const formats: readonly InvoiceFormat[] = columns ? [formatOf(columns)] : FORMATS;
  const issues: Issue[] = [];
  const sums = new Map<string, { day: string; model: string; units: bigint; rows: number }>();
  let header: Header | null = null;
  let first: string[] | null = null;
  let [seen, rows, leftOutRows, decimals] = [0, 0, 0, 0];
  const currencies = new Set<string>();
  const months = new Set<boolean>();
  const at = (line: number, column: number) => `line ${line}, column ${column + 1}`;

  function take({ line, cells }: { line: number; cells: string[] }) {
    if (!header) {
      first ??= cells;
      header = headerOf(cells, formats);
      if (!header && ++seen >= MOST_PREAMBLE_ROWS) throw new NoHeader();
      return;
    }
    const place = header.at;
    const cell = (column: number) => cells[column]?.trim() ?? '';
    const [dayText, model, amountText] = [cell(place.day), cell(place.model), cell(place.amount)];
    if (dayText === '' && model === '') return void leftOutRows++;
    const day = dayOf(dayText);
    if (day === null) return fault(line, place.day, `"${short(dayText)}" is not a day`);
    const amount = parseAmount(amountText);
    if (!amount) return fault(line, place.amount, `"${short(amountText)}" is not an amount`);
    const currency = ((place.currency === null ? '' : cell(place.currency)) || header.currency).toUpperCase();
    const rate = currency === 'USD' ? ONE : rates.get(currency);
    if (rate === undefined)
      return fault(
        line,
        place.currency ?? place.amount,
        `is in ${short(currency)}: state its rate, as rates=${short(currency)}:1.08 (dollars per unit)`,
      );
    rows++;
    currencies.add(currency);
    months.add(day.length === 7);
    decimals = Math.max(decimals, amount.decimals);
    const name = header.format.modelOf(model);
    const key = `${day} ${name}`;
    const sum = sums.get(key) ?? { day, model: name, units: 0n, rows: 0 };
    sum.units += atRate(amount.units, rate);
    sum.rows++;
    sums.set(key, sum);
  }
  function fault(line: number, column: number, message: string) {
    if (issues.length < MOST_ISSUES) issues.push({ path: at(line, column), message });
  }

  try {
    const reader = new CsvReader();
    for (const row of reader.push(text)) take(row);
    for (const row of reader.end()) take(row);
  } catch (error) {
    if (error instanceof CsvFault)
      return err([
        {
          path: at(error.line, error.column - 1),
          message: error.message.replace(/^line \d+, column \d+: /, ''),
        },
      ]);
    if (!(error instanceof NoHeader)) throw error;
  }
  if (!header) return err([{ path: 'line 1', message: noHeader(first ?? [], columns) }]);
  if (issues.length > 0) return err(issues);
  if (rows === 0) return err([{ path: 'file', message: 'has no charges' }]);
  if (months.size > 1) return err([{ path: 'file', message: 'has days and months: give one of them' }]);
  if (sums.size > MOST_LINES)
    return err([{ path: 'file', message: `has more than ${MOST_LINES} models and days` }]);

  const lines: InvoiceLine[] = [];
  let total = 0n;
  for (const { day, model, units, rows: of } of sums.values()) {
    const costNanoUsd = toNanoUsd(units);
    if (costNanoUsd === null)
      return err([{ path: 'file', message: `charges more for "${short(model)}" than can be` }]);
    lines.push({ day, model, costNanoUsd, rows: of });
    total += BigInt(costNanoUsd);
  }
  if (total > BigInt(Number.MAX_SAFE_INTEGER) || total < -BigInt(Number.MAX_SAFE_INTEGER))
    return err([{ path: 'file', message: 'charges more than can be' }]);
  const { format } = header as Header;
  return ok({
    format: format.name,
    provider: format.provider,
    by: months.has(true) ? 'month' : 'day',
    currency: [...currencies].sort().join(', '),
    decimals,
    rows,
    leftOutRows,
    totalNanoUsd: Number(total),
    lines: lines.sort((a, b) => (a.day + a.model < b.day + b.model ? -1 : 1)),
  });
}

class NoHeader extends Error {}

const short = (text: string) => (text.length > 60 ? `${text.slice(0, 60)}...` : text);

const formatOf = (columns: NonNullable<ReadOptions['columns']>): InvoiceFormat => ({
  name: 'columns',
  provider: null,
  columns: {
    day: [columns.date],
    model: [columns.model],
    amount: [columns.amount],
    ...(columns.currency === undefined ? {} : { currency: [columns.currency] }),
  },
  modelOf: (text) => text,
});

function noHeader(first: readonly string[], columns: ReadOptions['columns']): string {
  if (columns) return `no line has the columns ${Object.values(columns).join(', ')}`;
  return (
    hintFor(first) ??
    'no line is the header of a cost export of OpenAI, Anthropic or Google: name the columns, as columns={"date":"...","model":"...","amount":"..."}'
  );
}
