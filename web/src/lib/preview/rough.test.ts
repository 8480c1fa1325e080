import { describe, expect, it } from 'vitest';
import { roughTokens } from './rough.ts';

describe('a rough count from the length alone', () => {
  it.each([
    ['english', 'The quick brown fox jumps over the lazy dog. '.repeat(10), 100],
    ['japanese', 'これは日本語のテキストです。'.repeat(10), 74],
    ['chinese', '这是一个中文文本用于测试'.repeat(10), 60],
    ['json', '{"a":1,"b":[2,3],"c":"x"}'.repeat(4), 46],
    ['code', 'const x = (a) => { return a[0] * 2; };'.repeat(5), 50],
  ])('knows %s by its look', (_kind, text, tokens) => {
    expect(roughTokens(text)).toBe(tokens);
  });
  it('gives nothing for nothing', () => {
    expect(roughTokens('')).toBe(0);
  });
});
