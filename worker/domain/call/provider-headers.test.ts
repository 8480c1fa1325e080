import { describe, expect, it } from 'vitest';
import { shownHeaders } from './provider-headers.ts';

const SENT = new Headers({
  'x-request-id': 'req_theirs',
  'openai-processing-ms': '412',
  'openai-organization': 'the-team-behind-the-key',
  'x-ratelimit-remaining-tokens': '149984',
  'anthropic-ratelimit-requests-limit': '50',
  'set-cookie': '__cf_bm=1',
  'content-length': '12',
  'x-pm-run-id': 'forged',
});

describe("a provider's headers", () => {
  it("show the provider's own request id under a name of ours, its timing and the account's limits, and nothing else", () => {
    expect(shownHeaders(SENT, {})).toEqual({
      'x-pm-provider-request-id': 'req_theirs',
      'openai-processing-ms': '412',
      'x-ratelimit-remaining-tokens': '149984',
      'anthropic-ratelimit-requests-limit': '50',
    });
  });

  it('show no limits of an account that all teams share', () => {
    expect(Object.keys(shownHeaders(SENT, { shared: true }))).toEqual([
      'openai-processing-ms',
      'x-pm-provider-request-id',
    ]);
  });

  it('find the id wherever a provider puts it, and pass nothing that is oddly long', () => {
    expect(shownHeaders(new Headers({ 'request-id': 'req_a', 'cf-ray': 'b' }), {})).toEqual({
      'x-pm-provider-request-id': 'req_a',
    });
    expect(shownHeaders(new Headers({ 'x-request-id': 'x'.repeat(5_000) }), {})).toEqual({});
  });
});
