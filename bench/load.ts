/** What every bench of the server shares: a load of requests over kept-alive connections, and honest percentiles. */
import { closeSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { cpus } from 'node:os';
import { join } from 'node:path';

const agent = new Agent({ keepAlive: true, maxSockets: 256 });

export interface Sample {
  status: number;
  /** ms to the first byte of the body, and to its end */
  firstMs: number;
  totalMs: number;
  text: string;
}

/** One POST, timed from before it is sent. */
export function post(url: string, body: string, headers: Record<string, string> = {}): Promise<Sample> {
  return new Promise((done, fail) => {
    const started = performance.now();
    const outgoing = request(
      url,
      {
        method: 'POST',
        agent,
        headers: {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
          ...headers,
        },
      },
      (response) => {
        let firstMs = 0;
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk) => {
          firstMs ||= performance.now() - started;
          text += chunk;
        });
        response.on('end', () =>
          done({ status: response.statusCode!, firstMs, totalMs: performance.now() - started, text }),
        );
      },
    );
    outgoing.on('error', fail);
    outgoing.end(body);
  });
}

/** Runs `call` `count` times, `concurrency` at once. */
export async function load(count: number, concurrency: number, call: (i: number) => Promise<Sample>) {
  const samples: Sample[] = [];
  const started = performance.now();
  let next = 0;
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      while (next < count) samples.push(await call(next++));
    }),
  );
  const seconds = (performance.now() - started) / 1000;
  const bad = samples.filter((sample) => sample.status >= 300);
  if (bad.length)
    throw new Error(
      `${bad.length} of ${count} failed, the first: ${bad[0]!.status} ${bad[0]!.text.slice(0, 300)}`,
    );
  return { samples, perSecond: count / seconds };
}

export function percentile(values: number[], p: number) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil((p / 100) * sorted.length) - 1)]!;
}

export const ms = (value: number) => `${value.toFixed(2)} ms`;
/** Where the state lies, how long the disk takes to keep 4 KB: every commit of the local runtime waits for that once, and all others with it. */
export function diskSync(folder: string): string {
  const file = join(folder, 'sync-probe');
  const page = Buffer.alloc(4096, 1);
  const times: number[] = [];
  const descriptor = openSync(file, 'w');
  for (let i = 0; i < 50; i++) {
    const began = performance.now();
    writeSync(descriptor, page);
    fsyncSync(descriptor);
    times.push(performance.now() - began);
  }
  closeSync(descriptor);
  rmSync(file);
  return `a commit's fsync here: p50 ${ms(percentile(times, 50))}, p95 ${ms(percentile(times, 95))}`;
}

export const machine = () => `${cpus().length} x ${cpus()[0]!.model.trim()}, Node ${process.versions.node}`;

/** Says whether a figure holds its claim; the bench ends with status 1 when one does not. */
export function claim(what: string, figure: number, most: number): void {
  if (figure <= most) return;
  console.error(`NOT HELD: ${what} is ${figure.toFixed(2)}, claimed at most ${most}`);
  process.exitCode = 1;
}
