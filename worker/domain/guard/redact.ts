/**
 * Takes secrets and personal data out of a text before it is stored or logged: an error of a provider, a line of the log. What is found is
 * replaced by its kind, "[e-mail]"; that something was there stays visible. Every expression has bounded repeats and is tried once per
 * place, so the time is linear in the text; what looks like a card number or an IBAN is one only when its checksum says so.
 */
export function redact(text: string): string {
  return RULES.reduce((rest, { find, kind, isOne }) => {
    find.lastIndex = 0;
    return find.test(rest)
      ? rest.replace(find, (found) => (!isOne || isOne(found) ? `[${kind}]` : found))
      : rest;
  }, text);
}

interface Rule {
  kind: string;
  find: RegExp;
  isOne?(found: string): boolean;
}

/** The first that fits a place wins: whole blocks before keys, keys before numbers. */
const RULES: readonly Rule[] = [
  {
    kind: 'private key',
    find: /-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[A-Za-z0-9+/=\s\\:,-]{0,8192}?(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|$)/g,
  },
  { kind: 'token', find: /\beyJ[\w-]{5,4096}\.[\w-]{5,8192}\.[\w-]{0,4096}/g },
  { kind: 'api key', find: /\bpm_[A-Za-z0-9]{4,64}_[A-Za-z0-9_-]{8,256}/g },
  { kind: 'api key', find: /\b(?:sk|pk|rk)[-_][A-Za-z0-9_-]{16,256}/g },
  { kind: 'api key', find: /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g },
  { kind: 'api key', find: /\b(?:gh[oprsu]_[A-Za-z0-9]{20,255}|github_pat_[A-Za-z0-9_]{20,255})/g },
  { kind: 'api key', find: /\bxox[abeoprs]-[A-Za-z0-9-]{10,255}/g },
  { kind: 'api key', find: /\bAIza[A-Za-z0-9_-]{35}/g },
  { kind: 'api key', find: /\b(?:gsk|hf|glpat|whsec)[_-][A-Za-z0-9_+/=-]{16,256}/g },
  { kind: 'api key', find: /\bBearer\s{1,4}[A-Za-z0-9._~+/=-]{15,4096}[A-Za-z0-9_=]/gi },
  { kind: 'e-mail', find: /[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}/g },
  { kind: 'iban', find: /\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}\b/g, isOne: isIban },
  { kind: 'card', find: /\b\d(?:[ -]?\d){12,18}\b/g, isOne: isCard },
  // international with its plus, or written in groups; plain digits are ids and amounts far more often
  { kind: 'phone', find: /(?<![\w.])\+\d(?:[ ()./-]{0,2}\d){7,14}(?!\d)/g },
  { kind: 'phone', find: /(?<![\w.-])\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}(?![\w-])/g },
];

/** Luhn's checksum over 13 to 19 digits. */
function isCard(found: string): boolean {
  const digits = found.replace(/\D/g, '');
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = Number(digits[digits.length - 1 - i]);
    const counted = i % 2 === 0 ? digit : digit * 2;
    sum += counted > 9 ? counted - 9 : counted;
  }
  return sum % 10 === 0 && /[1-9]/.test(digits);
}

/** ISO 13616: moved by four and read as a number, the rest by 97 is 1. */
function isIban(found: string): boolean {
  const text = found.replace(/ /g, '');
  if (text.length < 15 || text.length > 34) return false;
  let rest = 0;
  for (const sign of text.slice(4) + text.slice(0, 4)) {
    const value = parseInt(sign, 36);
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97;
  }
  return rest === 1;
}
