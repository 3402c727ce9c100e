/** Peer address of a request behind trusted proxies, as `(peer, X-Forwarded-For) → address`. */
export type ClientAddress = (peer: string, forwardedFor: string | null) => string;

interface Range {
  readonly base: bigint;
  readonly mask: bigint;
}

/** Entries of `X-Forwarded-For` that are looked at, from the right. */
const hopsMax = 16;

/** Builds the rule of spec 60 §8: the peer, or, when the peer is a trusted proxy, the right-most forwarded address that
 *  is not one. An entry that is no address ends the walk: what stands left of it was not written by a trusted proxy.
 *  Throws RangeError for a malformed CIDR. */
export function createClientAddress(trustedProxies: readonly string[]): ClientAddress {
  const ranges = trustedProxies.map(parseCidr);
  const trusted = (address: bigint): boolean => ranges.some(({ base, mask }) => (address & mask) === base);

  return (peer, forwardedFor) => {
    if (ranges.length === 0 || forwardedFor === null) return normal(peer);
    const peerBits = parseAddress(peer);
    if (peerBits === undefined || !trusted(peerBits)) return normal(peer);
    let best = normal(peer);
    for (const entry of forwardedFor.split(",").slice(-hopsMax).reverse()) {
      const address = entry.trim();
      const bits = parseAddress(address);
      if (bits === undefined) return best;
      best = normal(address);
      if (!trusted(bits)) return best;
    }
    return best;
  };
}

/** IPv4 in IPv6 is written as IPv4, so that one client has one name in limits. */
function normal(address: string): string {
  return address.startsWith("::ffff:") && address.includes(".") ? address.slice(7) : address;
}

function parseCidr(cidr: string): Range {
  const [address = "", bitsText] = cidr.split("/");
  const value = parseAddress(address);
  const width = address.includes(":") ? 128 : 32;
  const bits = bitsText === undefined ? width : Number(bitsText);
  if (value === undefined || !Number.isInteger(bits) || bits < 0 || bits > width) {
    throw new RangeError(`not a CIDR: ${cidr}`);
  }
  const mask = ((1n << 128n) - 1n) ^ ((1n << BigInt(width - bits)) - 1n);
  return { base: value & mask, mask };
}

/** 128 bits, IPv4 as `::ffff:a.b.c.d`. Undefined for anything else. */
function parseAddress(text: string): bigint | undefined {
  if (!text.includes(":")) {
    const bits = parseIpv4(text);
    return bits === undefined ? undefined : (0xffffn << 32n) | bits;
  }
  return parseIpv6(text);
}

function parseIpv4(text: string): bigint | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  let bits = 0n;
  for (const part of parts) {
    if (!/^\d{1,3}$/.test(part) || Number(part) > 255) return undefined;
    bits = (bits << 8n) | BigInt(part);
  }
  return bits;
}

function parseIpv6(text: string): bigint | undefined {
  let source = text;
  const lastColon = source.lastIndexOf(":");
  if (source.includes(".")) {
    const tail = parseIpv4(source.slice(lastColon + 1));
    if (tail === undefined) return undefined;
    source = `${source.slice(0, lastColon + 1)}${(tail >> 16n).toString(16)}:${(tail & 0xffffn).toString(16)}`;
  }
  const halves = source.split("::");
  if (halves.length > 2) return undefined;
  const [left = [], right = []] = halves.map((half) => (half === "" ? [] : half.split(":")));
  const missing = 8 - left.length - right.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...left, ...new Array<string>(missing).fill("0"), ...right];
  let bits = 0n;
  for (const group of groups) {
    if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return undefined;
    bits = (bits << 16n) | BigInt(`0x${group}`);
  }
  return bits;
}
