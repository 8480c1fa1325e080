/** The shape of a team API key: `pm_<prefix>_<secret>`. The prefix tells keys apart; the whole key is the secret. */

const SHAPE = /^pm_([A-Za-z0-9]{1,32})_[A-Za-z0-9_-]+$/;
export const KEY_LENGTH = { min: 24, max: 256 } as const;
const ALPHABET = '0123456789abcdefghijklmnopqrstuvwxyz';

export const isApiKey = (text: string): boolean =>
  text.length >= KEY_LENGTH.min && text.length <= KEY_LENGTH.max && SHAPE.test(text);

/** What may be shown of a key: `pm_<prefix>`. Throws on a text that `isApiKey` refuses. */
export function apiKeyPrefix(key: string): string {
  const prefix = SHAPE.exec(key)?.[1];
  if (prefix === undefined) throw new Error('not an API key');
  return `pm_${prefix}`;
}

/** Makes a key of 8 prefix and 40 secret characters (about 206 bits) from at least 48 random bytes. */
export function makeApiKey(random: Uint8Array): string {
  if (random.length < 48) throw new Error('48 random bytes are needed');
  const text = Array.from(random.subarray(0, 48), (byte) => ALPHABET[byte % ALPHABET.length]).join('');
  return `pm_${text.slice(0, 8)}_${text.slice(8)}`;
}
