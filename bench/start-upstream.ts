/** Starts bench/upstream.ts and answers its base URL and a way to stop it. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';

export async function startUpstreamProcess(delayMs: number) {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'upstream.ts'), String(delayMs)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const url = await new Promise<string>((done) =>
    child.stdout!.once('data', (chunk) => done(String(chunk).trim())),
  );
  return { url, stop: () => child.kill() };
}
