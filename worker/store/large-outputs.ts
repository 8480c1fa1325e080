/** Outputs of more than 1 MB, in R2 (engine.md rule 19): written once a node has ended, read when another node asks for them. */
export const largeOutputKey = (executionId: string, nodeId: string) =>
  `executions/${executionId}/outputs/${nodeId}.json`;

export async function putLargeOutput(files: R2Bucket, key: string, json: string): Promise<void> {
  await files.put(key, json);
}

/** Throws when it is gone: nothing is never taken for something that was there. */
export async function readLargeOutput(files: R2Bucket, key: string): Promise<unknown> {
  const file = await files.get(key);
  if (!file) throw new Error(`the output at ${key} is gone`);
  return await file.json();
}
