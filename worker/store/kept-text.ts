/** Sealed texts of any size: small ones stand in their row, larger ones in R2 under a key that the row names. */
import type { CoreServices } from '../services.ts';
import { openSecret, sealSecret } from './secrets.ts';

/** Sealed texts up to this length stand in D1. */
const IN_D1_CHARS = 64 * 1024;

/** The two columns of a row that keeps such a text. */
export interface KeptText {
  sealed: string | null;
  fileKey: string | null;
}

/** Seals a text and says where it stands. The file is written before the row: a row never names a file that is not there. */
export async function keepText(
  services: CoreServices,
  { fileKey, ...secret }: { teamId: string; purpose: string; text: string; fileKey: string },
): Promise<KeptText> {
  const sealed = await sealSecret(services, secret);
  if (sealed.length <= IN_D1_CHARS) return { sealed, fileKey: null };
  await services.env.FILES.put(fileKey, sealed);
  return { sealed: null, fileKey };
}

/** The text of a row; null when the row has none, or its file is gone. */
export async function keptText(
  services: CoreServices,
  row: KeptText,
  { teamId, purpose }: { teamId: string; purpose: string },
): Promise<string | null> {
  const { fileKey } = row;
  const sealed = row.sealed ?? (fileKey && (await (await services.env.FILES.get(fileKey))?.text()));
  return sealed ? openSecret(services, { teamId, purpose, sealed }) : null;
}
