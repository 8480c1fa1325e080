import { describe, expect, it } from 'vitest';
import { providerCostIn } from './provider-cost.ts';

describe("a provider's own word for the cost", () => {
  it.each([
    ['{"cost":0.00014}', 140_000],
    ['{"cost":1.4e-7}', 140],
    ['{"cost":1e-10}', 1],
    ['{"cost":0}', 0],
    ['{"cost":12}', 12_000_000_000],
    ['{"prompt_tokens":1}', null],
    ['{"cost":"0.1"}', null],
    ['{"cost":-1}', null],
    ['{"cost":1e300}', null],
    ['{"cost":', null],
    ['null', null],
    [null, null],
  ])('in %s is %s nano-USD', (raw, nano) => expect(providerCostIn(raw)).toBe(nano));
});
