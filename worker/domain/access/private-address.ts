/**
 * Addresses that a team must not make the server call: its own machine, private networks, cloud metadata. URL has already turned
 * decimal, octal, hex and short IPv4 forms into four numbers; names are judged as written (a name that resolves into a private
 * network is the network's own business: in production the runtime does not reach one, on one machine PUBLIC_NETWORK of scripts/server.mjs
 * does not).
 */

/** True for hosts inside private or special networks. `hostname` as URL gives it (IPv6 in brackets). */
export function isPrivateHost(hostname: string): boolean {
  const host = hostname.toLowerCase().replace(/\.$/, '');
  if (host.startsWith('[')) return isPrivateIpv6(host.slice(1, -1));
  const ipv4 = /^(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(host);
  if (ipv4) return isPrivateIpv4(ipv4.slice(1).map(Number));
  return !host.includes('.') || PRIVATE_NAMES.test(host);
}

/** localhost, mDNS, cloud metadata and the suffixes of internal networks. */
const PRIVATE_NAMES =
  /(^|\.)(localhost|local|localdomain|internal|intranet|lan|home|corp|home\.arpa|in-addr\.arpa)$/;

function isPrivateIpv4([a = 0, b = 0, c = 0]: number[]): boolean {
  return (
    a === 0 ||
    a === 10 ||
    a === 127 ||
    a >= 224 ||
    (a === 100 && b >= 64 && b < 128) ||
    (a === 169 && b === 254) ||
    (a === 172 && b >= 16 && b < 32) ||
    (a === 192 && b === 168) ||
    (a === 192 && b === 0 && (c === 0 || c === 2)) ||
    (a === 198 && (b === 18 || b === 19)) ||
    (a === 198 && b === 51 && c === 100) ||
    (a === 203 && b === 0 && c === 113)
  );
}

function isPrivateIpv6(text: string): boolean {
  const groups = groupsOf(text);
  if (!groups) return true;
  const [first = 0, second = 0] = groups;
  const ipv4At = (at: number) => [
    groups[at]! >> 8,
    groups[at]! & 255,
    groups[at + 1]! >> 8,
    groups[at + 1]! & 255,
  ];
  const zeros = (from: number, to: number) => groups.slice(from, to).every((group) => group === 0);
  // Unspecified, loopback and the old IPv4-compatible form; mapped, translated and 6to4 addresses are judged by the IPv4 inside.
  if (zeros(0, 6)) return true;
  if (zeros(0, 5) && groups[5] === 0xffff) return isPrivateIpv4(ipv4At(6));
  if (zeros(0, 4) && groups[4] === 0xffff && groups[5] === 0) return isPrivateIpv4(ipv4At(6));
  if (first === 0x64 && second === 0xff9b) return !zeros(2, 6) || isPrivateIpv4(ipv4At(6));
  if (first === 0x2002) return isPrivateIpv4(ipv4At(1));
  return (
    (first & 0xfe00) === 0xfc00 ||
    (first & 0xffc0) === 0xfe80 ||
    (first & 0xffc0) === 0xfec0 ||
    (first & 0xff00) === 0xff00 ||
    (first === 0x2001 && (second === 0xdb8 || second === 0)) ||
    first === 0x100
  );
}

/** The eight groups of an IPv6 address as URL writes it (hex groups, one `::`); null when it is none. */
function groupsOf(text: string): number[] | null {
  const [head = '', tail] = text.split('::');
  const parse = (part: string) => (part === '' ? [] : part.split(':').map((group) => parseInt(group, 16)));
  const front = parse(head);
  const back = tail === undefined ? [] : parse(tail);
  const missing = 8 - front.length - back.length;
  if (missing < 0 || (tail === undefined && missing !== 0)) return null;
  const groups = [...front, ...Array.from({ length: missing }, () => 0), ...back];
  return groups.every((group) => group >= 0 && group <= 0xffff) ? groups : null;
}
