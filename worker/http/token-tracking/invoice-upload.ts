/** What comes in with an invoice: the file, which of its columns are which, and the rates of foreign currencies. */
import { z } from '@hono/zod-openapi';
import { parseAmount } from '../../domain/invoice/amount.ts';
import { Refused } from '../errors.ts';
import { boundaryOf, MultipartFault, partsOf } from '../multipart.ts';

export const MAX_INVOICE_BYTES = 10 * 1024 * 1024;

const columns = z.strictObject({
  date: z.string().min(1).max(200),
  model: z.string().min(1).max(200),
  amount: z.string().min(1).max(200),
  currency: z.string().min(1).max(200).optional(),
});

export const refuse = (path: string, message: string) =>
  new Refused({ reason: 'invalid', issues: [{ path, message }] });

/** Which of the file's columns are which; undefined = known by its header. */
export function mappingOf(text: string | undefined) {
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw refuse('columns', 'must be JSON');
  }
  const read = columns.safeParse(value);
  if (!read.success)
    throw refuse('columns', 'must name the columns of date, model and amount, and may name that of currency');
  return read.data;
}

/** What a unit of each foreign currency is in dollars. */
export function ratesOf(text: string | undefined): Map<string, { text: string; units: bigint }> {
  const rates = new Map<string, { text: string; units: bigint }>();
  for (const part of text?.split(',') ?? []) {
    const [, currency, rate] = /^\s*([A-Za-z]{3})\s*:\s*(\d{1,6}(?:\.\d{1,12})?)\s*$/.exec(part) ?? [];
    const amount = rate === undefined ? null : parseAmount(rate);
    if (!currency || !rate || !amount || amount.units <= 0n)
      throw refuse('rates', 'must be like EUR:1.0842,GBP:1.27');
    rates.set(currency.toUpperCase(), { text: rate, units: amount.units });
  }
  return rates;
}

/** The file as the body or as the one file of a form. */
export async function fileOf(request: Request): Promise<{ name: string | null; text: string }> {
  const bytes = await bytesOf(request);
  const boundary = boundaryOf(request.headers.get('content-type') ?? undefined);
  if (boundary === null) return { name: null, text: decoded(bytes) };
  try {
    const whole = (async function* () {
      yield bytes;
    })();
    for await (const part of partsOf(whole, boundary))
      if (!('text' in part)) {
        const chunks: Uint8Array[] = [];
        for await (const chunk of part.body) chunks.push(chunk);
        return { name: part.filename.slice(0, 200) || null, text: decoded(joined(chunks)) };
      }
  } catch (error) {
    if (error instanceof MultipartFault) throw new Refused({ reason: 'malformed', message: error.message });
    throw error;
  }
  throw refuse('file', 'is missing');
}

async function bytesOf(request: Request): Promise<Uint8Array> {
  const tooLarge = () =>
    new Refused({
      reason: 'too_large',
      message: 'The file is larger than 10 MB.',
      limitBytes: MAX_INVOICE_BYTES,
    });
  const most = MAX_INVOICE_BYTES + 64 * 1024;
  if (Number(request.headers.get('content-length') ?? 0) > most) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = request.body?.getReader();
  for (;;) {
    const next = await reader?.read();
    if (!next || next.done) break;
    size += next.value.length;
    if (size > most) {
      await reader!.cancel();
      throw tooLarge();
    }
    chunks.push(next.value);
  }
  return joined(chunks);
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(chunks.reduce((size, chunk) => size + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

function decoded(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes);
  } catch {
    throw refuse('file', 'is not UTF-8 text');
  }
}
