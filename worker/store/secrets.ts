/**
 * Secrets at rest: AES-256-GCM under a data key per team, which is itself sealed under the deployment's MASTER_KEY. A sealed text
 * says in its associated data what it is for, so that it opens nowhere else.
 */
import { eq } from 'drizzle-orm';
import type { CoreServices } from '../services.ts';
import { teamSecret } from './schema.ts';

const IV_BYTES = 12;
const encoder = new TextEncoder();
const bytesOf = (text: string): Uint8Array<ArrayBuffer> => encoder.encode(text) as Uint8Array<ArrayBuffer>;

/** Seals `text` for one team and purpose: base64 of iv + ciphertext. */
export async function sealSecret(
  services: CoreServices,
  { teamId, purpose, text }: { teamId: string; purpose: string; text: string },
) {
  return encrypt(await dataKeyOf(services, teamId), bytesOf(text), purpose);
}

/** Throws when the text was sealed for another team or purpose, or changed since. */
export async function openSecret(
  services: CoreServices,
  { teamId, purpose, sealed }: { teamId: string; purpose: string; sealed: string },
) {
  return new TextDecoder().decode(await decrypt(await dataKeyOf(services, teamId), sealed, purpose));
}

async function dataKeyOf({ db, vars, now }: CoreServices, teamId: string): Promise<CryptoKey> {
  const master = await imported(Buffer.from(vars.MASTER_KEY, 'base64'));
  const stored = () => db.query.teamSecret.findFirst({ where: eq(teamSecret.teamId, teamId) });
  let row = await stored();
  if (!row) {
    const wrappedKey = await encrypt(master, crypto.getRandomValues(new Uint8Array(32)), teamId);
    // Two first secrets at once: the first key stays, both read it.
    await db
      .insert(teamSecret)
      .values({ teamId, wrappedKey, createdAt: new Date(now()).toISOString() })
      .onConflictDoNothing();
    row = await stored();
  }
  return imported(await decrypt(master, row!.wrappedKey, teamId));
}

const imported = (raw: Uint8Array<ArrayBuffer> | ArrayBuffer) =>
  crypto.subtle.importKey('raw', raw, 'AES-GCM', false, ['encrypt', 'decrypt']);

async function encrypt(key: CryptoKey, plain: Uint8Array<ArrayBuffer>, purpose: string): Promise<string> {
  const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
  const cipher = await crypto.subtle.encrypt(
    { name: 'AES-GCM', iv, additionalData: bytesOf(purpose) },
    key,
    plain,
  );
  return Buffer.concat([iv, new Uint8Array(cipher)]).toString('base64');
}

async function decrypt(key: CryptoKey, sealed: string, purpose: string): Promise<ArrayBuffer> {
  const bytes = Buffer.from(sealed, 'base64');
  return crypto.subtle.decrypt(
    { name: 'AES-GCM', iv: bytes.subarray(0, IV_BYTES), additionalData: bytesOf(purpose) },
    key,
    bytes.subarray(IV_BYTES),
  );
}
