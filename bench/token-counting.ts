/**
 * `node bench/token-counting.ts`: 200 KB of hostile text each count in under 1 s, and no other work waits longer than 50 ms for it.
 * Prints one line per text and ends with status 1 when a claim does not hold.
 */
import { setImmediate } from 'node:timers/promises';
import { createTokenCounter } from '../worker/domain/cost/count.ts';
import { ranksFromDisk } from '../tests/ranks/from-disk.ts';

const UNITS = 200_000;
const MOST_MS = 1_000;
const MOST_PAUSE_MS = 50;

let state = 1;
const dice = (below: number) => {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
};
const fill = (make: () => string) => {
  const parts: string[] = [];
  for (let units = 0; units < UNITS;) {
    const part = make();
    parts.push(part);
    units += part.length;
  }
  return parts.join('');
};
const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const TEXTS: Record<string, string> = {
  'one letter': fill(() => 'a'),
  base64: fill(() => BASE64[dice(64)]!),
  emoji: fill(() => String.fromCodePoint(0x1f300 + dice(700))),
  'lower case': fill(() => BASE64[26 + dice(26)]!),
  characters: fill(() => String.fromCodePoint(0x4e00 + dice(20_000))),
  thai: fill(() => String.fromCodePoint(0xe01 + dice(50))),
  punctuation: fill(() => '!@#$%^&*()=-_'[dice(13)]!),
  spaces: fill(() => ' '),
  'combining marks': fill(() => 'a\u0301'),
  'lone surrogates': fill(() => '\ud800'),
  'letters by the 300': fill(() => BASE64[26 + dice(26)]!.repeat(300)),
  english: fill(() => 'The quick brown fox jumps over the lazy dog. '),
};

const model = { provider: 'sandbox', model: 'sandbox-small' };
let lastTurn = performance.now();
let longestPause = 0;
const counter = createTokenCounter({
  loadRanks: ranksFromDisk,
  yieldNow: async () => {
    longestPause = Math.max(longestPause, performance.now() - lastTurn);
    await setImmediate();
    lastTurn = performance.now();
  },
  contextWindowOf: () => null,
  patience: () => new Promise(() => {}),
});

const begun = performance.now();
const memory = process.memoryUsage().rss;
await counter.countText(model, 'load the ranks');
console.log(
  `ranks: ${(performance.now() - begun).toFixed(0)} ms, ${((process.memoryUsage().rss - memory) / 2 ** 20).toFixed(0)} MB`,
);
let broken = false;
for (const [name, text] of Object.entries(TEXTS)) {
  longestPause = 0;
  const start = (lastTurn = performance.now());
  const { tokens } = await counter.countText(model, text);
  const ms = performance.now() - start;
  const held = ms < MOST_MS && longestPause < MOST_PAUSE_MS;
  broken ||= !held;
  console.log(
    `${name.padEnd(20)} ${String(tokens).padStart(7)} tokens ${ms.toFixed(0).padStart(5)} ms, longest pause ${longestPause.toFixed(0).padStart(3)} ms${held ? '' : '  TOO SLOW'}`,
  );
}
process.exitCode = broken ? 1 : 0;
