/** The sandbox's embeddings: a unit vector per input, decided by the input alone. Near texts are not near: these are for wiring, not for meaning. */
import { diceOf } from './seeded.ts';
import { failure, readyFor, slowMsOf, type SandboxDeps } from './server.ts';

const DEFAULT_DIMENSIONS = 64;
const MOST_DIMENSIONS = 256;
const LEAST_DIMENSIONS = 8;
const MOST_INPUTS = 2_048;

const invalid = (param: string, message: string) => failure(400, 'invalid_request_error', message, {}, param);

export async function answerEmbeddings(
  body: Record<string, unknown>,
  deps: SandboxDeps,
  signal: AbortSignal | null | undefined,
): Promise<Response> {
  const inputs = inputsOf(body.input);
  if (!inputs)
    return invalid('input', '"input" must be text, tokens, or a list of up to 2048 of them, none empty.');
  const dimensions = dimensionsOf(body.dimensions);
  if (dimensions === null)
    return invalid('dimensions', `"dimensions" must be from ${LEAST_DIMENSIONS} to ${MOST_DIMENSIONS}.`);
  const trouble = readyFor({ ...body, messages: inputs }, []);
  if (trouble) return failure(trouble.status, trouble.type, trouble.message, trouble.headers, trouble.param);
  const model = String(body.model);
  const tokens = await deps.count.request(model, 'openai_embeddings', body);
  if (slowMsOf(model) > 0) await deps.sleep(slowMsOf(model), signal);
  const data = inputs.map((input, index) => {
    const vector = vectorOf(model, input, dimensions);
    const embedding = body.encoding_format === 'base64' ? base64Of(vector) : vector;
    return { object: 'embedding', index, embedding };
  });
  const usage = { prompt_tokens: tokens, total_tokens: tokens };
  return Response.json({ object: 'list', data, model, usage });
}

/** The inputs one by one; null when they make no sense. A list of numbers is one input of tokens. */
function inputsOf(input: unknown): unknown[] | null {
  const inputs = typeof input === 'string' || isTokens(input) ? [input] : input;
  if (!Array.isArray(inputs) || inputs.length === 0 || inputs.length > MOST_INPUTS) return null;
  return inputs.every((one) => isTokens(one) || (typeof one === 'string' && one !== '')) ? inputs : null;
}

const isTokens = (value: unknown): boolean =>
  Array.isArray(value) &&
  value.length > 0 &&
  value.every((token) => Number.isSafeInteger(token) && token >= 0);

const dimensionsOf = (asked: unknown): number | null => {
  if (asked === undefined || asked === null) return DEFAULT_DIMENSIONS;
  const valid =
    Number.isSafeInteger(asked) && Number(asked) >= LEAST_DIMENSIONS && Number(asked) <= MOST_DIMENSIONS;
  return valid ? Number(asked) : null;
};

/** A vector of length 1. */
function vectorOf(model: string, input: unknown, dimensions: number): number[] {
  const dice = diceOf(JSON.stringify([model, input]), 'embedding');
  const raw = Array.from({ length: dimensions }, () => dice() * 2 - 1);
  const length = Math.hypot(...raw) || 1;
  return raw.map((value) => value / length);
}

/** 32-bit floats, little endian, in base64: what OpenAI's clients ask for by themselves. */
function base64Of(vector: readonly number[]): string {
  const view = new DataView(new ArrayBuffer(vector.length * 4));
  vector.forEach((value, index) => view.setFloat32(index * 4, value, true));
  return btoa(String.fromCharCode(...new Uint8Array(view.buffer)));
}
