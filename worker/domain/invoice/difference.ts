/** An invoice beside our own ledger: per model and day, and why the two differ. */

/** Our name for a model, so that "Claude Haiku 4.5", "claude-haiku-4-5-20251001" and "claude-haiku-4-5" are one. `known` = the price table's id. */
export function modelKey(model: string, known: (name: string) => string | null): string {
  const slug = model
    .trim()
    .toLowerCase()
    .replace(/[\s_.]+/g, '-')
    .replace(/-+/g, '-');
  const undated = (name: string) => name.replace(/-(20\d{2}-?\d{2}-?\d{2}|latest)$/, '');
  for (const name of [model, model.toLowerCase(), slug, undated(model.toLowerCase()), undated(slug)]) {
    const id = known(name);
    if (id !== null) return id;
  }
  return undated(slug) || 'unnamed';
}

export interface LedgerCell {
  day: string;
  model: string;
  costNanoUsd: number;
  runs: number;
}
export interface InvoiceCell {
  day: string;
  model: string;
  costNanoUsd: number;
  rows: number;
}

export const DIFFERENCE_STATUSES = ['equal', 'rounding', 'differs', 'only_invoice', 'only_ledger'] as const;

export interface DifferenceRow {
  day: string;
  model: string;
  /** as the invoice writes it; [] when it is not there */
  invoiceModels: string[];
  runs: number;
  ledgerNanoUsd: number;
  invoiceNanoUsd: number;
  /** invoice - ledger */
  differenceNanoUsd: number;
  /** of the ledger, in hundredths of a percent; null when the ledger has nothing */
  basisPoints: number | null;
  status: (typeof DIFFERENCE_STATUSES)[number];
}

/** Both sides by model and day; `keyOf` says which names are one model, `decimals` how finely the invoice is written. */
export function differenceOf(
  ledger: readonly LedgerCell[],
  invoice: readonly InvoiceCell[],
  { keyOf, decimals }: { keyOf(model: string): string; decimals: number },
): DifferenceRow[] {
  type Open = Omit<DifferenceRow, 'differenceNanoUsd' | 'basisPoints' | 'status'> & { rows: number };
  const cells = new Map<string, Open>();
  const cellOf = (day: string, name: string): Open => {
    const model = keyOf(name);
    const key = `${day} ${model}`;
    let cell = cells.get(key);
    if (!cell)
      cells.set(
        key,
        (cell = { day, model, invoiceModels: [], runs: 0, ledgerNanoUsd: 0, invoiceNanoUsd: 0, rows: 0 }),
      );
    return cell;
  };
  for (const { day, model, costNanoUsd, runs } of ledger) {
    const cell = cellOf(day, model);
    cell.ledgerNanoUsd += costNanoUsd;
    cell.runs += runs;
  }
  for (const { day, model, costNanoUsd, rows } of invoice) {
    const cell = cellOf(day, model);
    cell.invoiceNanoUsd += costNanoUsd;
    cell.rows += rows;
    if (!cell.invoiceModels.includes(model)) cell.invoiceModels.push(model);
  }
  return [...cells.values()]
    .map(({ rows, ...cell }): DifferenceRow => {
      const differenceNanoUsd = cell.invoiceNanoUsd - cell.ledgerNanoUsd;
      return {
        ...cell,
        differenceNanoUsd,
        basisPoints: cell.ledgerNanoUsd === 0 ? null : basisPoints(differenceNanoUsd, cell.ledgerNanoUsd),
        status: statusOf(cell, rows, differenceNanoUsd, decimals),
      };
    })
    .sort((a, b) => (a.day === b.day ? (a.model < b.model ? -1 : 1) : a.day < b.day ? -1 : 1));
}

/** Exact, rounded half away from zero. */
export function basisPoints(part: number, whole: number): number {
  const [p, w] = [BigInt(part) * 10_000n, BigInt(Math.abs(whole))];
  const size = ((p < 0n ? -p : p) + w / 2n) / w;
  return Number(p < 0n ? -size : size);
}

/** Each row of the invoice may be rounded by half of its last digit, each of our runs is rounded up by less than a nano-dollar. */
function statusOf(
  cell: { invoiceModels: string[]; runs: number; ledgerNanoUsd: number },
  rows: number,
  differenceNanoUsd: number,
  decimals: number,
): DifferenceRow['status'] {
  if (rows === 0) return 'only_ledger';
  if (cell.runs === 0 && cell.ledgerNanoUsd === 0) return 'only_invoice';
  if (differenceNanoUsd === 0) return 'equal';
  const halfDigit = decimals >= 10 ? 0 : 10 ** (9 - decimals) / 2;
  return Math.abs(differenceNanoUsd) <= rows * halfDigit + cell.runs ? 'rounding' : 'differs';
}
