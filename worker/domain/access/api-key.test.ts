import { describe, expect, it } from 'vitest';
import { apiKeyPrefix, isApiKey, makeApiKey } from './api-key.ts';

describe('an API key', () => {
  it('is pm_, a prefix of 8 and a long secret', () => {
    const key = makeApiKey(Uint8Array.from({ length: 48 }, (_, i) => i * 5));
    expect(key).toMatch(/^pm_[0-9a-z]{8}_[0-9a-z]{40}$/);
    expect(isApiKey(key)).toBe(true);
    expect(apiKeyPrefix(key)).toBe(key.slice(0, 11));
  });

  it.each([
    ['pm_demo_0123456789abcdef', true],
    ['pm_demo_0123456789abcde', false],
    ['pm_demo_with-and_0123456789', true],
    ['sk_demo_0123456789abcdef0', false],
    ['pm__0123456789abcdef01234', false],
    ["pm_demo_' OR 1=1 --0123456", false],
    [`pm_demo_${'x'.repeat(300)}`, false],
  ])('%s: %s', (text, valid) => expect(isApiKey(text)).toBe(valid));

  it('is not made from too little chance', () => {
    expect(() => makeApiKey(new Uint8Array(16))).toThrow('48');
  });
});
