/** Hash slots of a Redis cluster. */
export const slotsTotal = 16_384;

/** The slot of a key: CRC16 (XMODEM) of the part within the first braces, else of the whole key, as the cluster specification says. */
export function slotOf(key: string): number {
  let crc = 0;
  for (const byte of Buffer.from(tagOf(key) ?? key)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff;
  }
  return crc % slotsTotal;
}

/** A key in the same slot as `key`, made of `prefix`, `name` and `key` (which begins with `prefix` and has no closing brace without an opening one). */
export function besideKey(prefix: string, name: string, key: string): string {
  return tagOf(key) === undefined ? `${prefix}${name}{${key}}` : `${prefix}${name}${key.slice(prefix.length)}`;
}

function tagOf(key: string): string | undefined {
  const open = key.indexOf("{");
  const close = open < 0 ? -1 : key.indexOf("}", open + 1);
  return close > open + 1 ? key.slice(open + 1, close) : undefined;
}
