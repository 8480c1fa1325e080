/** A mail as RFC 5322 wants it: ASCII lines of bounded length, words in other scripts encoded, text and HTML side by side in base64. */

export interface Mail {
  from: { name: string; address: string };
  to: readonly string[];
  subject: string;
  messageId: string;
  date: Date;
  text: string;
  html: string;
}

const encoder = new TextEncoder();

function base64(text: string): string {
  let binary = '';
  for (const byte of encoder.encode(text)) binary += String.fromCharCode(byte);
  return btoa(binary);
}

/** 39 bytes are 52 characters of base64: "Subject: =?UTF-8?B?...?=" stays below the 78 that a line may have. */
const WORD_BYTES = 39;

/** Text in a header: as it is when it is short printable ASCII, else encoded words, one per line. A line break cannot get out. */
export function headerText(text: string): string {
  const clean = text.replace(/[\u0000-\u001f\u007f]+/g, ' ').trim();
  if (/^[\x20-\x7e]{0,60}$/.test(clean) && !clean.includes('=?')) return clean;
  const words: string[] = [];
  let word = '';
  let bytes = 0;
  for (const character of clean) {
    const size = encoder.encode(character).length;
    if (bytes + size > WORD_BYTES) {
      words.push(word);
      word = '';
      bytes = 0;
    }
    word += character;
    bytes += size;
  }
  words.push(word);
  return words.map((part) => `=?UTF-8?B?${base64(part)}?=`).join('\r\n ');
}

/** A name before an address: quoted when it has characters that mean something there. */
function displayName(name: string): string {
  const text = headerText(name);
  return text.startsWith('=?') || /^[\w !#$%&'*+/=?^`{|}~-]*$/.test(text)
    ? text
    : `"${text.replace(/["\\]/g, '\\$&')}"`;
}

const part = (type: string, body: string) =>
  [
    `Content-Type: ${type}; charset=utf-8`,
    'Content-Transfer-Encoding: base64',
    '',
    base64(body.replace(/\r?\n/g, '\r\n')).replace(/.{76}/g, '$&\r\n'),
  ].join('\r\n');

/** The whole message, lines ended by CR LF, without the dot that ends DATA. base64 never begins a line with a dot. */
export function composeMail({ from, to, subject, messageId, date, text, html }: Mail): string {
  const boundary = `=_${messageId.replace(/[^A-Za-z0-9]/g, '').slice(0, 48)}`;
  return [
    `From: ${displayName(from.name)} <${from.address}>`,
    `To: ${to.join(',\r\n ')}`,
    `Subject: ${headerText(subject)}`,
    `Date: ${date.toUTCString().replace('GMT', '+0000')}`,
    `Message-ID: ${messageId}`,
    'Auto-Submitted: auto-generated',
    'MIME-Version: 1.0',
    `Content-Type: multipart/alternative; boundary="${boundary}"`,
    '',
    `--${boundary}`,
    part('text/plain', text),
    `--${boundary}`,
    part('text/html', html),
    `--${boundary}--`,
    '',
  ].join('\r\n');
}
