/** Ids: a prefix that names the noun, then a time-ordered ULID body, so that ids sort by creation. */

export const ID_PREFIXES = {
  user: 'usr',
  session: 'ses',
  account: 'acc',
  verification: 'ver',
  team: 'team',
  member: 'mem',
  invitation: 'inv',
  group: 'grp',
  audit: 'aud',
  key: 'key',
  connection: 'conn',
  prompt: 'prm',
  promptVersion: 'pv',
  run: 'run',
  ledger: 'led',
  route: 'rt',
  budget: 'bud',
  invoice: 'bill',
  alert: 'alr',
  notice: 'ntc',
  channel: 'chn',
  delivery: 'dlv',
  workflow: 'wf',
  execution: 'exec',
  schedule: 'sch',
  deadLetter: 'dl',
  output: 'out',
  dataSource: 'ds',
  request: 'req',
} as const;
export type IdKind = keyof typeof ID_PREFIXES;

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

/** Makes an id from the time in ms and 10 random bytes, both handed in: domain code has neither clock nor dice. */
export function makeId(kind: IdKind, nowMs: number, random: Uint8Array): string {
  let time = '';
  for (let rest = nowMs, i = 0; i < 10; i++, rest = Math.floor(rest / 32)) time = ALPHABET[rest % 32] + time;
  let bits = 0n;
  for (const byte of random.subarray(0, 10)) bits = (bits << 8n) | BigInt(byte);
  let tail = '';
  for (let i = 0; i < 16; i++, bits >>= 5n) tail = ALPHABET[Number(bits & 31n)] + tail;
  return `${ID_PREFIXES[kind]}_${time}${tail}`;
}
