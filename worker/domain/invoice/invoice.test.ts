import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { atRate, ONE, parseAmount, toNanoUsd } from './amount.ts';
import { basisPoints, differenceOf, modelKey } from './difference.ts';
import { readInvoice } from './read.ts';

const rates = new Map<string, bigint>();
const read = (text: string, more: object = {}) => readInvoice(text, { rates, ...more });
function taken(text: string, more: object = {}) {
  const found = read(text, more);
  if (!found.ok) throw new Error(JSON.stringify(found.error));
  return found.value;
}
const refused = (text: string, more: object = {}) => {
  const found = read(text, more);
  return found.ok ? null : found.error;
};

describe('an amount of an invoice', () => {
  it.each([
    ['1.5', 1_500_000_000],
    ['$1,234.50', 1_234_500_000_000],
    ['-0.5', -500_000_000],
    ['(0.50)', -500_000_000],
    ['8.5e-06', 8_500],
    ['0.0000000015', 2],
    ['-0.0000000015', -2],
    ['.25', 250_000_000],
    ['1.2345678901234567e-05', 12_346],
    ['1e2', 100_000_000_000],
  ])('reads %s as %d nano-dollars', (text, nano) => expect(toNanoUsd(parseAmount(text)!.units)).toBe(nano));

  it.each([
    '',
    '-',
    '.',
    'free',
    '1,5',
    '1.234,56',
    '12,34.5',
    '1.2.3',
    '(1',
    '1)',
    '--1',
    '1e99',
    'NaN',
    'Infinity',
  ])('does not guess what "%s" means', (text) => expect(parseAmount(text)).toBeNull());

  it('adds up many small ones exactly, where floats do not', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 10 ** 9 }), { maxLength: 50 }), (all) => {
        const units = all.reduce(
          (sum, nano) => sum + parseAmount(`0.${String(nano).padStart(9, '0').slice(-9)}`)!.units,
          0n,
        );
        expect(toNanoUsd(units)).toBe(all.reduce((sum, nano) => sum + (nano % 10 ** 9), 0));
      }),
    );
    expect(toNanoUsd(atRate(parseAmount('10')!.units, parseAmount('1.0842')!.units))).toBe(10_842_000_000);
    expect(atRate(7n, ONE)).toBe(7n);
  });
});

describe('an invoice as CSV', () => {
  it('of the OpenAI dashboard: lines of one model are one, days are those of UTC, amounts keep all digits', () => {
    const text = `start_time,end_time,start_time_iso,end_time_iso,amount_value,amount_currency,quantity,quantity_unit,line_item,user_id,api_key_id,project_id
1793664000,1793750400,2026-11-03T00:00:00+00:00,2026-11-04T00:00:00+00:00,0.1234567890123456,usd,1000,tokens,"gpt-4o-2024-08-06, input",,,proj_1
1793664000,1793750400,2026-11-03T00:00:00+00:00,2026-11-04T00:00:00+00:00,8.5e-06,usd,10,tokens,"gpt-4o-2024-08-06, output",,,proj_1
1793750400,1793836800,2026-11-04T00:00:00+00:00,2026-11-05T00:00:00+00:00,0.5,usd,,,"gpt-4o-mini-2024-07-18, cached input",,,proj_1
`;
    expect(taken(text)).toMatchObject({
      format: 'openai',
      provider: 'openai',
      by: 'day',
      currency: 'USD',
      rows: 3,
      totalNanoUsd: 623_465_289,
      lines: [
        { day: '2026-11-03', model: 'gpt-4o-2024-08-06', costNanoUsd: 123_465_289, rows: 2 },
        { day: '2026-11-04', model: 'gpt-4o-mini-2024-07-18', costNanoUsd: 500_000_000, rows: 1 },
      ],
    });
  });

  it('of the Claude Console, with a BOM and line ends of Windows', () => {
    const text =
      '\uFEFFusage_date_utc,model,workspace,api_key,usage_type,context_window,token_type,cost_usd,list_price_usd,cost_type,inference_geo,speed\r\n' +
      '2026-11-03,Claude Haiku 4.5,Default,key,message,≤ 200k,input_no_cache,0.05,0.05,token,global,\r\n' +
      '2026-11-03,Claude Haiku 4.5,Default,key,message,≤ 200k,output,1.01,1.01,token,global,\r\n';
    expect(taken(text)).toMatchObject({
      format: 'anthropic',
      decimals: 2,
      lines: [{ day: '2026-11-03', model: 'Claude Haiku 4.5', costNanoUsd: 1_060_000_000, rows: 2 }],
    });
  });

  it('of Google: lines before its header and totals after it are left out, the model stands in the SKU, the currency in the header', () => {
    const text = `Invoice number,1234567890,
Invoice date,2026-11-30,
Service description,Service ID,SKU description,SKU ID,Usage start date,Usage end date,Usage amount,Usage unit,Unrounded Cost ($),Cost ($)
Gemini API,AEFD,Generate content output token count gemini 2.5 flash lite text,B,2026-11-03,2026-11-03,"1,234",count,0.053087,0.05
Vertex AI,C7E2,Gemini 2.5 Flash GA Text Input - Predictions,D,2026-11-03,2026-11-03,10,count,1.5,1.50
,,,,,,,,1.553087,1.55
`;
    expect(taken(text)).toMatchObject({
      format: 'google',
      leftOutRows: 1,
      lines: [
        { day: '2026-11-03', model: 'gemini-2.5-flash', costNanoUsd: 1_500_000_000 },
        { day: '2026-11-03', model: 'gemini-2.5-flash-lite', costNanoUsd: 53_087_000 },
      ],
    });
    expect(refused(text.replace('Unrounded Cost ($)', 'Unrounded Cost (€)'))).toMatchObject([
      { path: 'line 4, column 9', message: expect.stringContaining('EUR') },
      { path: 'line 5, column 9' },
    ]);
    const euros = taken(text.replace('Unrounded Cost ($)', 'Unrounded Cost (€)'), {
      rates: new Map([['EUR', 2n * ONE]]),
    });
    expect(euros).toMatchObject({ currency: 'EUR', totalNanoUsd: 3_106_174_000 });
  });

  it('of anybody else, by the names of its columns', () => {
    const columns = { date: 'Tag', model: 'Modell', amount: 'Betrag', currency: 'Währung' };
    const text = 'Tag;Modell;Betrag;Währung\n2026-11;m;1.25;USD\n2026-11;m;-0.25;usd\n';
    expect(taken(text, { columns })).toMatchObject({
      format: 'columns',
      provider: null,
      by: 'month',
      lines: [{ day: '2026-11', model: 'm', costNanoUsd: 1_000_000_000, rows: 2 }],
    });
    expect(refused('a;b\n1;2\n', { columns })).toMatchObject([
      { message: 'no line has the columns Tag, Modell, Betrag, Währung' },
    ]);
  });

  it.each([
    ['line 2, column 1', 'usage_date_utc,model,cost_usd\n2026-02-30,m,1\n'],
    ['line 3, column 3', 'usage_date_utc,model,cost_usd\n2026-11-01,m,1\n2026-11-02,m,"1,5"\n'],
    ['line 2, column 3', 'usage_date_utc,model,cost_usd\n2026-11-01,"m,1\n'],
    ['line 1', 'nonsense\n'],
    ['line 1', ''],
    ['file', 'usage_date_utc,model,cost_usd\n'],
    ['file', 'usage_date_utc,model,cost_usd\n2026-11-01,m,1\n2026-11,m,1\n'],
    ['file', 'usage_date_utc,model,cost_usd\n2026-11-01,m,99999999999\n'],
  ])('is refused as a whole, by its place: %s', (path, text) => {
    const found = refused(text)!;
    if (path === 'line 2, column 3') expect(found[0]!.message).toContain('never closed');
    else expect(found[0]!.path).toBe(path);
  });

  it('says that an export of usage has no amounts', () => {
    expect(refused('usage_date_utc,model_version,api_key\n2026-11-01,claude,x\n')![0]!.message).toContain(
      'export the Cost page',
    );
    expect(refused('start_time,end_time,input_tokens\n1,2,3\n')![0]!.message).toContain(
      'grouped by line item',
    );
  });
});

describe('the names of models', () => {
  const ids = new Set(['gpt-4o', 'claude-haiku-4-5', 'claude-3-5-sonnet']);
  const known = (name: string) => [...ids].find((id) => name === id || name.startsWith(`${id}-20`)) ?? null;
  it.each([
    ['gpt-4o-2024-08-06', 'gpt-4o'],
    ['Claude Haiku 4.5', 'claude-haiku-4-5'],
    ['claude-haiku-4-5-20251001', 'claude-haiku-4-5'],
    ['Claude 3.5 Sonnet 2024-10-22', 'claude-3-5-sonnet'],
    ['Brand New 9-20270101', 'brand-new-9'],
    ['', 'unnamed'],
  ])('"%s" is %s', (name, key) => expect(modelKey(name, known)).toBe(key));
});

describe('the difference', () => {
  it('is told per model and day, what only one side has too, and rounding apart from the rest', () => {
    const rows = differenceOf(
      [
        { day: '2026-11-03', model: 'a', costNanoUsd: 100, runs: 1 },
        { day: '2026-11-03', model: 'b', costNanoUsd: 1_004_000_000, runs: 2 },
        { day: '2026-11-03', model: 'c', costNanoUsd: 3_000_000_000, runs: 2 },
        { day: '2026-11-04', model: 'ours', costNanoUsd: 5, runs: 1 },
      ],
      [
        { day: '2026-11-03', model: 'A', costNanoUsd: 100, rows: 1 },
        { day: '2026-11-03', model: 'b', costNanoUsd: 1_000_000_000, rows: 1 },
        { day: '2026-11-03', model: 'c', costNanoUsd: 4_500_000_000, rows: 1 },
        { day: '2026-11-05', model: 'theirs', costNanoUsd: 7, rows: 1 },
      ],
      { keyOf: (model) => model.toLowerCase(), decimals: 2 },
    );
    expect(
      rows.map(({ model, status, differenceNanoUsd, basisPoints }) => [
        model,
        status,
        differenceNanoUsd,
        basisPoints,
      ]),
    ).toEqual([
      ['a', 'equal', 0, 0],
      ['b', 'rounding', -4_000_000, -40],
      ['c', 'differs', 1_500_000_000, 5_000],
      ['ours', 'only_ledger', -5, -10_000],
      ['theirs', 'only_invoice', 7, null],
    ]);
    expect(basisPoints(-1, 3)).toBe(-3_333);
  });
});
