/** Google's thought signatures are bytes in base64; another provider's proof travels inside one, marked as such. */
import type { Opaque } from './conversation.ts';
import { base64OfText, sealed, textOfBase64, unsealed } from './reading.ts';

const MARK = 'of-another-provider:';

export const signatureOf = (opaque: Opaque): string =>
  opaque.by === 'gemini' ? opaque.value : base64OfText(MARK + sealed(opaque, 'gemini'));

/** The beginning of MARK in base64; most signatures are large, and need not be decoded to see that they are Google's own. */
const MARKED = base64OfText(MARK).slice(0, 24);

export function opaqueOf(signature: string): Opaque {
  if (!signature.startsWith(MARKED)) return { by: 'gemini', value: signature };
  const text = textOfBase64(signature);
  return text.startsWith(MARK)
    ? unsealed(text.slice(MARK.length), 'gemini')
    : { by: 'gemini', value: signature };
}
