/** Signing secrets as Standard Webhooks writes them: base64 of the key, "whsec_" before it. */
export const SECRET_PREFIX = 'whsec_';
const LEAST_BYTES = 16;

const bodyOf = (secret: string) =>
  secret.startsWith(SECRET_PREFIX) ? secret.slice(SECRET_PREFIX.length) : secret;

/** Why a secret cannot sign; null = it can. */
export function secretFault(secret: string): string | null {
  const body = bodyOf(secret);
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(body) || body.length % 4 !== 0)
    return `must be base64 after "${SECRET_PREFIX}", as Standard Webhooks writes a secret`;
  return secretKey(secret).length < LEAST_BYTES ? `must hold at least ${LEAST_BYTES} bytes` : null;
}

/** The key's bytes. */
export const secretKey = (secret: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(bodyOf(secret)), (character) => character.charCodeAt(0));
