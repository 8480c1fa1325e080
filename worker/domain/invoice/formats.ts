/** The CSV files that providers give: which columns they have, and what a row of them says. A header decides which it is. */

/** Where a row's parts stand, as texts; `null` = the row is no charge of a model (a total, a preamble) and is left out. */
export interface RowReader {
  /** a day (YYYY-MM-DD), a month (YYYY-MM), an instant, or unix seconds */
  day: string;
  model: string;
  amount: string;
  currency: string;
}

export interface InvoiceFormat {
  name: 'openai' | 'anthropic' | 'google' | 'columns';
  /** whose calls it bills */
  provider: string | null;
  /** columns by what they hold; the first that a header has is taken. Without `currency` it is USD */
  columns: { day: string[]; model: string[]; amount: string[]; currency?: string[] };
  modelOf(text: string): string;
}

/** "gpt-4o-2024-08-06, cached input" is a line of the model before the comma. */
const beforeComma = (text: string) => text.split(',')[0]!.trim();

/** "Gemini 2.5 Flash Lite GA Text Input - Predictions", "Generate content output token count gemini 3 flash text": the model in it. */
function googleModel(text: string): string {
  const found =
    /gemini[\s_-]+(\d+(?:\.\d+)?)[\s_-]+(pro|flash|ultra|nano)([\s_-]+lite)?([\s_-]+(?:native[\s_-]+)?image\b)?/i.exec(
      text,
    );
  if (found) {
    const [, version, kind, lite, image] = found;
    const wantsImage = image !== undefined && !/image[\s_-]+(input|output)/i.test(text);
    return `gemini-${version}-${kind!.toLowerCase()}${lite ? '-lite' : ''}${wantsImage ? '-image' : ''}`;
  }
  return /gemini[\s_-]+embedding/i.test(text) ? 'gemini-embedding-001' : text;
}

export const FORMATS: readonly InvoiceFormat[] = [
  {
    name: 'openai',
    provider: 'openai',
    columns: {
      day: ['start_time_iso', 'start_time'],
      model: ['line_item'],
      amount: ['amount_value'],
      currency: ['amount_currency'],
    },
    modelOf: beforeComma,
  },
  {
    name: 'anthropic',
    provider: 'anthropic',
    columns: { day: ['usage_date_utc'], model: ['model'], amount: ['cost_usd'] },
    modelOf: (text) => text,
  },
  {
    name: 'google',
    provider: 'gemini',
    columns: {
      day: ['usage start date', 'date', 'month'],
      model: ['sku description'],
      amount: ['unrounded subtotal', 'unrounded cost', 'subtotal', 'cost'],
      currency: ['currency'],
    },
    modelOf: googleModel,
  },
];

/** Exports that tell tokens but no money: said by name, because people take the wrong one. */
const WITHOUT_MONEY: { columns: string[]; hint: string }[] = [
  {
    columns: ['usage_date_utc', 'model_version'],
    hint: 'this is the usage export of the Claude Console, which has no amounts: export the Cost page instead',
  },
  {
    columns: ['start_time', 'input_tokens'],
    hint: 'this is the usage export of OpenAI, which has no amounts: export the costs, grouped by line item, instead',
  },
];

export interface Header {
  format: InvoiceFormat;
  at: { day: number; model: number; amount: number; currency: number | null };
  /** of amounts without a currency column: "Cost ($)" and "Cost (€)" say it in the header */
  currency: string;
}

const plain = (cell: string) => cell.trim().toLowerCase();
/** "Unrounded subtotal ($)" -> "unrounded subtotal" */
const bare = (cell: string) => plain(cell).replace(/\s*\([^)]*\)$/, '');
const SIGNS: Record<string, string> = { $: 'USD', '€': 'EUR', '£': 'GBP', '¥': 'JPY' };

/** Reads a row as the header of a format; null when it is none of it. */
export function headerOf(cells: readonly string[], formats: readonly InvoiceFormat[]): Header | null {
  const names = cells.map(bare);
  for (const format of formats) {
    const find = (wanted: readonly string[] = []) =>
      wanted.map((name) => names.indexOf(name.toLowerCase())).find((at) => at >= 0) ?? null;
    const { columns } = format;
    const [day, model, amount] = [find(columns.day), find(columns.model), find(columns.amount)];
    if (day === null || model === null || amount === null) continue;
    const sign = /\(([^)]*)\)\s*$/.exec(cells[amount]!)?.[1]?.trim();
    const currency = sign === undefined ? 'USD' : (SIGNS[sign] ?? sign.toUpperCase());
    return { format, at: { day, model, amount, currency: find(columns.currency) }, currency };
  }
  return null;
}

/** Why a header is none of ours, in words that help. */
export function hintFor(cells: readonly string[]): string | null {
  const names = cells.map(bare);
  return WITHOUT_MONEY.find(({ columns }) => columns.every((name) => names.includes(name)))?.hint ?? null;
}

/** "2026-11-03", "2026-11" or null: from a date, a month, an instant or unix seconds, in UTC. */
export function dayOf(text: string): string | null {
  const given = text.trim();
  if (/^\d{4}-(0[1-9]|1[0-2])$/.test(given)) return given;
  if (/^\d{9,11}$/.test(given)) return new Date(Number(given) * 1000).toISOString().slice(0, 10);
  const [, day, rest] = /^(\d{4}-\d{2}-\d{2})([T ].+)?$/.exec(given) ?? [];
  if (day === undefined) return null;
  const ms = Date.parse(rest === undefined ? day : given.replace(' ', 'T'));
  if (Number.isNaN(ms) || new Date(Date.parse(day)).toISOString().slice(0, 10) !== day) return null;
  return rest !== undefined && /[+-]\d{2}:?\d{2}$/.test(rest) ? new Date(ms).toISOString().slice(0, 10) : day;
}
