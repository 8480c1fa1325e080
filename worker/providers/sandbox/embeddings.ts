/** The sandbox's embeddings: a unit vector per input, decided by the input alone. Near texts are not near: these are for wiring, not for meaning. */
import { diceOf } from './seeded.ts';

export const DEFAULT_DIMENSIONS = 64;
export const MOST_DIMENSIONS = 256;
const LEAST_DIMENSIONS = 8;
const MOST_INPUTS = 2_048;

/** The inputs one by one; null when they make no sense. A list of numbers is one input of tokens. */
export function inputsOf(input: unknown): unknown[] | null {
  const inputs = typeof input === 'string' || isTokens(input) ? [input] : input;
  if (!Array.isArray(inputs) || inputs.length === 0 || inputs.length > MOST_INPUTS) return null;
  return inputs.every((one) => isTokens(one) || (typeof one === 'string' && one !== '')) ? inputs : null;
}

const isTokens = (value: unknown): boolean =>
  Array.isArray(value) &&
  value.length > 0 &&
  value.every((token) => Number.isSafeInteger(token) && token >= 0);

export const dimensionsOf = (asked: unknown): number | null => {
  if (asked === undefined || asked === null) return DEFAULT_DIMENSIONS;
  const valid =
    Number.isSafeInteger(asked) && Number(asked) >= LEAST_DIMENSIONS && Number(asked) <= MOST_DIMENSIONS;
  return valid ? Number(asked) : null;
};

/** A vector of length 1. */
export function vectorOf(model: string, input: unknown, dimensions: number): number[] {
  const dice = diceOf(JSON.stringify([model, input]), 'embedding');
  const raw = Array.from({ length: dimensions }, () => dice() * 2 - 1);
  const length = Math.hypot(...raw) || 1;
  return raw.map((value) => value / length);
}

/** 32-bit floats, little endian, in base64: what OpenAI's clients ask for by themselves. */
export function base64Of(vector: readonly number[]): string {
  const view = new DataView(new ArrayBuffer(vector.length * 4));
  vector.forEach((value, index) => view.setFloat32(index * 4, value, true));
  return btoa(String.fromCharCode(...new Uint8Array(view.buffer)));
}
