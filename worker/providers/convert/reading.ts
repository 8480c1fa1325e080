/** What all formats share when they are read: numbers, texts, media by address, opaque bytes in another's clothes. */
import { isObject, type Json } from '../formats/json.ts';
import type { Opaque, Source } from './conversation.ts';

export const string = (value: unknown): string => (typeof value === 'string' ? value : '');
export const stringOrNull = (value: unknown): string | null =>
  typeof value === 'string' && value !== '' ? value : null;
export const number = (value: unknown): number | null =>
  typeof value === 'number' && Number.isFinite(value) ? value : null;
export const object = (value: unknown): Json => (isObject(value) ? value : {});
export const strings = (value: unknown): string[] =>
  (Array.isArray(value) ? value : [value]).filter((one) => typeof one === 'string');

/** Only the fields that are set. */
export const given = (fields: Json): Json =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null && value !== undefined));

/** A data URL as bytes, another one as an address; null for what no provider could fetch. */
export function sourceOfUrl(url: string, mediaType: string | null = null): Source | null {
  const data = /^data:([^;,]+)(?:;[^,]*)?;base64,/i.exec(url);
  if (data) return { kind: 'base64', mediaType: data[1]!, data: url.slice(data[0].length) };
  return /^https?:\/\//i.test(url) ? { kind: 'url', url, mediaType } : null;
}

export const urlOfSource = (source: Source): string =>
  source.kind === 'url' ? source.url : `data:${source.mediaType};base64,${source.data}`;

const TYPES: Record<string, string> = {
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  gif: 'image/gif',
  webp: 'image/webp',
  heic: 'image/heic',
  pdf: 'application/pdf',
  txt: 'text/plain',
};

/** The media type that an address says, else the usual one of its kind. */
export const mediaTypeOf = (source: Source, usual: string): string => {
  if (source.mediaType) return source.mediaType;
  const ending = source.kind === 'url' ? /\.(\w+)(?:[?#]|$)/.exec(source.url)?.[1]?.toLowerCase() : undefined;
  return (ending && TYPES[ending]) || usual;
};

const SEAL = /^(anthropic|anthropic-redacted|gemini|openai):/;

/** Opaque bytes as another provider's client keeps them: with the name of who can read them. */
export const sealed = ({ by, value }: Opaque, own: Opaque['by']): string =>
  by === own ? value : `${by}:${value}`;

export function unsealed(text: string, own: Opaque['by']): Opaque {
  const by = SEAL.exec(text)?.[1] as Opaque['by'] | undefined;
  return by ? { by, value: text.slice(by.length + 1) } : { by: own, value: text };
}

/** The object that a call's arguments are; what is no JSON object (cut, or nonsense) is none. */
export function argumentsOf(text: string): Json {
  try {
    return object(JSON.parse(text || '{}'));
  } catch {
    return {};
  }
}

/** An id for what its provider gave none; unique in the conversation, and short enough for every provider. */
export const callIdOf = (runId: string, index: number): string =>
  `call_${runId.replace(/^run_/, '')}_${index}`;

export const base64OfText = (text: string): string => {
  let bytes = '';
  for (const byte of new TextEncoder().encode(text)) bytes += String.fromCharCode(byte);
  return btoa(bytes);
};

/** The text that some base64 means; '' for what is no base64. */
export function textOfBase64(data: string): string {
  try {
    return new TextDecoder().decode(Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0)));
  } catch {
    return '';
  }
}
