/** Outputs of more than 1 MB, in R2 (engine.md rule 19): written once a node has ended, read when another node or a person asks for them. */
import type { OutputPlace, OutputRef } from '../domain/workflow/run.ts';
import { putPieces } from './put-pieces.ts';

/** How an output begins, where it is not shown whole. */
const PREVIEW_CHARS = 1_000;
/** Small pieces are written together. */
const PIECE_CHARS = 64 * 1024;

export const largeOutputKey = ({ executionId, nodeId, itemPath }: OutputPlace) =>
  `executions/${executionId}/outputs/${nodeId}${itemPath.length > 0 ? `/${itemPath.join('.')}` : ''}.json`;

/** Its JSON, whole or piece by piece (never cut within a character): then it never stands in memory. */
export async function putLargeOutput(
  files: R2Bucket,
  at: OutputPlace,
  json: string | AsyncIterable<string>,
): Promise<OutputRef> {
  const key = largeOutputKey(at);
  if (typeof json === 'string') {
    const bytes = new TextEncoder().encode(json);
    await files.put(key, bytes);
    return { key, preview: json.slice(0, PREVIEW_CHARS), bytes: bytes.length };
  }
  const encoder = new TextEncoder();
  const iterator = json[Symbol.asyncIterator]();
  let preview = '';
  let bytes = 0;
  const pieces = new ReadableStream<Uint8Array>({
    async pull(controller) {
      let text = '';
      let isDone = false;
      while (!isDone && text.length < PIECE_CHARS) {
        const next = await iterator.next();
        isDone = next.done === true;
        if (!next.done) text += next.value;
      }
      if (preview.length < PREVIEW_CHARS) preview = (preview + text).slice(0, PREVIEW_CHARS);
      if (text) {
        const encoded = encoder.encode(text);
        bytes += encoded.length;
        controller.enqueue(encoded);
      }
      if (isDone) controller.close();
    },
  });
  await putPieces(files, key, pieces);
  return { key, preview, bytes };
}

/** Throws when it is gone: nothing is never taken for something that was there. */
async function fileOf(files: R2Bucket, key: string): Promise<R2ObjectBody> {
  const file = await files.get(key);
  if (!file) throw new Error(`the output at ${key} is gone`);
  return file;
}

export const readLargeOutput = async (files: R2Bucket, key: string): Promise<unknown> =>
  await (await fileOf(files, key)).json();

export async function* readLargeText(files: R2Bucket, key: string): AsyncGenerator<string> {
  const { body } = await fileOf(files, key);
  yield* body.pipeThrough(new TextDecoderStream()) as unknown as AsyncIterable<string>;
}

/** For another run, which then needs nothing of the first. */
export async function copyLargeOutput(files: R2Bucket, key: string, at: OutputPlace): Promise<string> {
  const file = await fileOf(files, key);
  const copy = largeOutputKey(at);
  // its length is known, so it is handed on as it comes
  await files.put(copy, file.body);
  return copy;
}
