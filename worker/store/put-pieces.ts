/** Files of any length, written as they come: at once when they are small, else in parts. One that breaks off leaves nothing behind. */

/** R2 wants parts of one size, at least 5 MB. */
const PART_BYTES = 8 * 1024 * 1024;

export async function putPieces(
  files: R2Bucket,
  key: string,
  pieces: ReadableStream<Uint8Array>,
): Promise<void> {
  let upload: R2MultipartUpload | null = null;
  const parts: R2UploadedPart[] = [];
  let chunks: Uint8Array[] = [];
  let size = 0;
  const take = (bytes: number): Uint8Array => {
    const whole = new Uint8Array(size);
    let at = 0;
    for (const chunk of chunks) {
      whole.set(chunk, at);
      at += chunk.length;
    }
    const rest = whole.subarray(bytes);
    chunks = rest.length > 0 ? [rest] : [];
    size = rest.length;
    return whole.subarray(0, bytes);
  };
  const reader = pieces.getReader();
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      chunks.push(value);
      size += value.length;
      while (size >= PART_BYTES) {
        upload ??= await files.createMultipartUpload(key);
        parts.push(await upload.uploadPart(parts.length + 1, take(PART_BYTES)));
      }
    }
    if (!upload) return void (await files.put(key, take(size)));
    if (size > 0) parts.push(await upload.uploadPart(parts.length + 1, take(size)));
    await upload.complete(parts);
  } catch (error) {
    await upload?.abort().catch(() => {});
    throw error;
  }
}
