import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort, freshFolder, startServer, type Started } from './server.ts';

const readme = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8');
const folder = freshFolder();
let server: Started;

beforeAll(async () => {
  server = await startServer({ port: await freePort(), dataDir: folder.dataDir });
});
afterAll(async () => {
  await server.stop();
  folder.remove();
});

/** The shell blocks of a section as they stand, only key and address put in. */
function blocks(section: string) {
  const text = readme.split(/^## /m).find((part) => part.startsWith(section))!;
  return [...text.matchAll(/```sh\n([\s\S]*?)```/g)].map((match) => match[1]!);
}
const paste = (script: string) =>
  execFileSync('sh', ['-c', script], {
    encoding: 'utf8',
    timeout: 60_000,
    env: { ...process.env, KEY: server.apiKey, API: server.url },
  });

describe('the README, pasted', () => {
  it('runs the lead workflow, fetches the outputs as CSV, and proves what they cost', () => {
    const script = blocks('In one minute')[0]!
      .replace(/^KEY=.*\n/m, '')
      .replace(/^API=.*\n/m, '');
    const lines = paste(script).trim().split('\n');
    expect(lines[0]).toContain('value.company');
    expect(lines.filter((line) => line.includes('qualified')).length).toBeGreaterThan(3);
    expect(JSON.parse(lines.at(-1)!)).toMatchObject({ driftNanoUsd: 0, heldNanoUsd: 0 });
  }, 90_000);

  it('asks the gateway as any OpenAI client would', () => {
    const answer = JSON.parse(paste(blocks('In one minute')[1]!));
    expect(answer).toMatchObject({ object: 'chat.completion', model: 'sandbox-small' });
  });
});
