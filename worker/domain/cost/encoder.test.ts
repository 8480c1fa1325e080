import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { Tiktoken } from 'js-tiktoken/lite';
import cl100k from 'js-tiktoken/ranks/cl100k_base';
import o200k from 'js-tiktoken/ranks/o200k_base';
import { describe, expect, it } from 'vitest';
import { ranksFromDisk } from '../../../tests/ranks/from-disk.ts';
import { createEncoder, ENCODINGS, WINDOW_UNITS, windowsOf, type Encoding } from './encoder.ts';

const encoders = {
  o200k_base: createEncoder('o200k_base', await ranksFromDisk('o200k_base')),
  cl100k_base: createEncoder('cl100k_base', await ranksFromDisk('cl100k_base')),
};
const references = { o200k_base: new Tiktoken(o200k), cl100k_base: new Tiktoken(cl100k) };

const count = (encoding: Encoding, text: string): number =>
  [...encoders[encoding].slices(text)].reduce((sum, slice) => sum + slice.tokens, 0);
const truth = (encoding: Encoding, text: string): number[] => references[encoding].encode(text, [], []);

/** Seeded, so that a failure comes again. */
function dice(seed: number) {
  let state = seed;
  return (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const SOURCE = readFileSync(join(import.meta.dirname, 'encoder.ts'), 'utf8');
const CORPUS: Record<string, string> = {
  empty: '',
  english: "It's the reader's job, isn't it? We've said so 1,234 times; they'll say it again. ".repeat(40),
  code: SOURCE,
  json: JSON.stringify(
    { list: Array.from({ length: 50 }, (_, i) => ({ id: `run_${i}`, costNanoUsd: i * 1e6 })) },
    null,
    2,
  ),
  'minified json': JSON.stringify(Array.from({ length: 80 }, (_, i) => ({ i, on: i % 2 === 0 }))),
  german: 'Überprüfungsausschussvorsitzende prüfen Größenverhältnisse außerordentlich häufig. '.repeat(10),
  chinese: '今天天气很好，我们去公园散步吧。价格是三百元。'.repeat(20),
  japanese: 'これはテストです。トークンを数えます。'.repeat(20),
  korean: '안녕하세요, 토큰을 세고 있습니다. '.repeat(20),
  arabic: 'هذا نص للاختبار مع كلمات مختلفة. '.repeat(20),
  hindi: 'यह परीक्षण के लिए एक वाक्य है। '.repeat(20),
  thai: 'นี่คือประโยคทดสอบ '.repeat(20),
  russian: 'Это предложение для проверки подсчёта. '.repeat(20),
  emoji: '👩‍👩‍👧 family 🇩🇪 flag 🧑🏽‍💻 '.repeat(20),
  markdown: '# Title\n\n- item *one*\n- item **two**\n\n```ts\nconst a = 1;\n```\n'.repeat(10),
  'odd spaces': 'a  b   c\t\td\r\n\r\n  e\u00a0f\u3000g \n \n'.repeat(20),
  specials: '<|endoftext|> <|im_start|>user<|im_sep|>hi<|im_end|><|endofprompt|>',
  numbers: '1 12 123 1234 12345 3.14159 1e10 0xdeadbeef '.repeat(20),
  combining: 'e\u0301a\u0300o\u0302 '.repeat(30),
  upper: 'HTTPServer XMLHttpRequest SCREAMING_SNAKE camelCase '.repeat(20),
};

describe.each(ENCODINGS)('%s', (encoding) => {
  it.each(Object.entries(CORPUS))('gives %s the same ids and count as js-tiktoken', (_, text) => {
    expect(encoders[encoding].encode(text)).toEqual(truth(encoding, text));
    expect(count(encoding, text)).toBe(truth(encoding, text).length);
  });

  it('counts any short text as js-tiktoken does', () => {
    const anyText = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc.string({ unit: 'grapheme', maxLength: 200 }),
      fc
        .array(
          fc.constantFrom(
            ...Object.values(CORPUS).flatMap((text) => text.slice(0, 60).split(/(?<=\s)/)),
            ' ',
            '\n',
            '  ',
            '\r\n',
            "'s",
          ),
          { maxLength: 60 },
        )
        .map((words) => words.join('')),
    );
    fc.assert(
      fc.property(anyText, (text) => {
        fc.pre(!/[^\s]{250}|\s{250}/.test(text));
        expect(count(encoding, text)).toBe(truth(encoding, text.toWellFormed()).length);
      }),
      { numRuns: 1_500 },
    );
  });

  it('counts long texts slice by slice to the same sum', () => {
    const text = Object.values(CORPUS).join('\n').repeat(6);
    const slices = [...encoders[encoding].slices(text)];
    expect(slices.length).toBeGreaterThan(5);
    expect(slices.reduce((sum, slice) => sum + slice.units, 0)).toBe(text.length);
    expect(count(encoding, text)).toBe(encoders[encoding].encode(text).length);
  });

  it('never counts a long run below the truth (greedy merging makes two halves cheaper than the whole)', () => {
    const below = dice(7);
    const pick = (text: string) => () => [...text][below([...text].length)]!;
    const letters = 'abcdefghijklmnopqrstuvwxyz';
    const makers: (() => string)[] = [
      pick(letters),
      pick(letters.toUpperCase()),
      pick('ab'),
      pick('!@#$%^&*()=-_.,'),
      pick(' \t'),
      pick('\r\n'),
      pick('=-'),
      pick('абвгдежзийклмнопрст'),
      pick('😀😁🎉🚀💡'),
      pick('天地玄黄宇宙洪荒日月'),
      pick('กขคงจฉชซ'),
      pick('éèàç'),
      () => ['hello', 'token', 'izer', 'ation', 'ing'][below(5)]!,
      ...'aA. _-=0é한あ中'.split('').map((character) => () => character),
    ];
    const wrong: string[] = [];
    for (const [which, make] of makers.entries()) {
      for (let round = 0; round < 40; round++) {
        const units = WINDOW_UNITS + 1 + below(700);
        let text = '';
        while (text.length < units) text += make();
        const [counted, real] = [count(encoding, text), encoders[encoding].encode(text).length];
        if (counted < real) wrong.push(`maker ${which}, ${text.length} units: ${counted} < ${real}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it.each([
    ['one letter', () => 'a'],
    ['lower case', (d: (n: number) => number) => String.fromCharCode(97 + d(26))],
    [
      'base64',
      (d: (n: number) => number) =>
        'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'[d(64)]!,
    ],
    ['hex', (d: (n: number) => number) => '0123456789abcdef'[d(16)]!],
    ['spaces', () => ' '],
    ['dashes', () => '-'],
    ['one emoji', () => '😀'],
    ['emoji', (d: (n: number) => number) => String.fromCodePoint(0x1f300 + d(700))],
    ['characters', (d: (n: number) => number) => String.fromCodePoint(0x4e00 + d(20_000))],
  ])('counts 8,000 units of %s at most 3.6%% above the truth', (_, make) => {
    const roll = dice(11);
    let text = '';
    while (text.length < 8_000) text += make(roll);
    const [counted, real] = [count(encoding, text), encoders[encoding].encode(text).length];
    expect(counted).toBeGreaterThanOrEqual(real);
    expect(counted / real).toBeLessThanOrEqual(1.036);
  });
});

describe('windows', () => {
  it('never split a surrogate pair and lose nothing', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 900 }), (text) => {
        const windows = [...windowsOf(text)];
        expect(windows.join('')).toBe(text);
        for (const window of windows) {
          expect(window.length).toBeLessThanOrEqual(WINDOW_UNITS);
          expect(window.isWellFormed()).toBe(text.isWellFormed());
        }
      }),
    );
  });
});
