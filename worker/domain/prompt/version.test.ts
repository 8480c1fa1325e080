import { describe, expect, it } from 'vitest';
import { chosenVersion } from './version.ts';

const prompt = { id: 'prm_1', latestVersion: 3, labels: { production: 2 } };
const chosen = (wish: object) => {
  const result = chosenVersion(prompt, wish);
  return result.ok ? result.value : result.error.reason;
};

describe('the version of a prompt', () => {
  it.each([
    [{}, 3],
    [{ version: 1 }, 1],
    [{ label: 'production' }, 2],
    [{ label: 'staging' }, 'not_found'],
    [{ label: 'constructor' }, 'not_found'],
    [{ version: 4 }, 'not_found'],
    [{ version: 1, label: 'production' }, 'invalid'],
  ])('for %j is %s', (wish, expected) => expect(chosen(wish)).toBe(expected));
});
