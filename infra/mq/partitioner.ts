/** Keys to partitions as the Java client does it (murmur2, sign bit cleared), so that every producer of a topic agrees. */

const m = 0x5bd1e995;
const seed = 0x9747b28c;
const utf8 = new TextEncoder();

/** Kafka's murmur2 of `bytes`, as a signed 32-bit integer. */
export function murmur2(bytes: Uint8Array): number {
  const length = bytes.length;
  const whole = length & ~3;
  let h = seed ^ length;
  for (let i = 0; i < whole; i += 4) {
    h = mix(
      h,
      byteAt(bytes, i) | (byteAt(bytes, i + 1) << 8) | (byteAt(bytes, i + 2) << 16) | (byteAt(bytes, i + 3) << 24),
    );
  }
  let tail = 0;
  for (let i = length - 1; i >= whole; i--) tail = (tail << 8) | byteAt(bytes, i);
  return finish(h, tail, length & 3);
}

/** Partition of `key`. Keys are ids nearly always, so ASCII is hashed without making bytes of it. */
export function partitionOf(key: string, partitions: number): number {
  if (partitions === 1) return 0;
  const hash = murmur2Ascii(key) ?? murmur2(utf8.encode(key));
  return (hash & 0x7fffffff) % partitions;
}

function byteAt(bytes: Uint8Array, index: number): number {
  return bytes[index] ?? 0;
}

function murmur2Ascii(key: string): number | undefined {
  const length = key.length;
  const whole = length & ~3;
  let h = seed ^ length;
  let seen = 0;
  for (let i = 0; i < whole; i += 4) {
    const a = key.charCodeAt(i);
    const b = key.charCodeAt(i + 1);
    const c = key.charCodeAt(i + 2);
    const d = key.charCodeAt(i + 3);
    seen |= a | b | c | d;
    h = mix(h, a | (b << 8) | (c << 16) | (d << 24));
  }
  let tail = 0;
  for (let i = length - 1; i >= whole; i--) {
    const code = key.charCodeAt(i);
    seen |= code;
    tail = (tail << 8) | code;
  }
  return seen > 0x7f ? undefined : finish(h, tail, length & 3);
}

function mix(h: number, word: number): number {
  let k = Math.imul(word, m);
  k = Math.imul(k ^ (k >>> 24), m);
  return Math.imul(h, m) ^ k;
}

function finish(hash: number, tail: number, tailLength: number): number {
  let h = tailLength === 0 ? hash : Math.imul(hash ^ tail, m);
  h = Math.imul(h ^ (h >>> 13), m);
  return h ^ (h >>> 15);
}
