import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { redact } from './redact.ts';

/** Made of pieces, so that no scanner takes this file for a leak. */
const SECRETS: [kind: string, text: string][] = [
  ['e-mail', 'ada.lovelace+lists@mail.example.co.uk'],
  ['phone', '+49 (30) 901820-12'],
  ['phone', '415-555-2671'],
  ['card', '4111 1111 1111 1111'],
  ['card', '378282246310005'],
  ['iban', 'DE89 3704 0044 0532 0130 00'],
  ['iban', 'GB82WEST12345698765432'],
  ['api key', 'sk-' + 'proj-' + 'a1B2c3D4e5F6g7H8'],
  ['api key', 'pm_' + 'abcd1234_0123456789abcdef0123'],
  ['api key', 'AKIA' + 'IOSFODNN7EXAMPLE'],
  ['api key', 'ghp_' + 'abcdefghijklmnopqrstuvwxyz0123456789'],
  ['api key', 'xoxb-' + '1234567890-abcdefghij'],
  ['api key', 'AIza' + 'SyA1234567890abcdefghijklmnopqrstuv'],
  ['api key', 'Bearer ' + 'abcdef0123456789abcdef'],
  ['token', 'eyJ' + 'hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.' + 'dozjgNryP4J3jVmNHl0w5N'],
  [
    'private key',
    '-----BEGIN RSA PRIVATE ' + 'KEY-----\nMIIEpAIBAAKCAQEA\nabc=\n-----END RSA PRIVATE ' + 'KEY-----',
  ],
];

describe('what is logged or stored of a call', () => {
  it.each(SECRETS)('shows that there was a %s, not which', (kind, secret) => {
    expect(redact(`no: ${secret}.`)).toBe(`no: [${kind}].`);
    expect(redact(JSON.stringify({ message: secret }))).toBe(`{"message":"[${kind}]"}`);
  });

  it.each([
    'The model "gpt-4o-2024-08-06" is not known.',
    'run_01h2xcejqtf2nbrexx3vqjhp41 took 1234567890123 ns',
    'HTTP 429: Rate limit reached for 40000 tokens per min, retry in 1.5s',
    '2026-11-27T10:04:29.123Z led_01jd key_01jd',
    '4111 1111 1111 1112 is no card, DE00 3704 0044 0532 0130 00 no IBAN',
    'a@b and foo@ and @bar',
  ])('stays as it is: %s', (text) => expect(redact(text)).toBe(text));

  it('knows every secret in any ordinary text, however many there are', () => {
    const words = fc.array(fc.constantFrom('the', 'call', 'failed', 'because', '{"a":', '\n', 'of', '12'), {
      maxLength: 8,
    });
    fc.assert(
      fc.property(fc.array(fc.tuple(words, fc.constantFrom(...SECRETS)), { maxLength: 6 }), (pieces) => {
        const text = pieces.map(([before, [, secret]]) => `${before.join(' ')}; ${secret}; `).join('');
        const clean = redact(text);
        for (const [, [, secret]] of pieces) expect(clean).not.toContain(secret);
        expect(redact(clean)).toBe(clean);
      }),
      { seed: 3 },
    );
  });

  it('takes time in proportion to the text, whatever it is', () => {
    const hostile = [
      'a',
      'a.',
      '1 ',
      '1-',
      'A1',
      'eyJ',
      'sk-',
      '-----BEGIN PRIVATE KEY-----',
      '+1',
      'DE89 ',
      'Bearer ',
      '@a.',
    ];
    // Not a clock: a quadratic expression would need minutes for these and run into the test's own limit.
    for (const piece of hostile)
      expect(redact(piece.repeat(400_000 / piece.length)).length).toBeGreaterThan(0);
  });
});
