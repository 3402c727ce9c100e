/** Rows of one conversation that a commit still has to push and feed; both ends inclusive. */
export interface StreamRange {
  conversationId: string;
  fromSeq: bigint;
  toSeq: bigint;
}

const utf8 = new TextEncoder();

/** At most 500 ranges of about 100 bytes: within the 64 KiB of the column. */
export function packRanges(ranges: readonly StreamRange[]): Uint8Array {
  return utf8.encode(
    JSON.stringify(ranges.map((range) => [range.conversationId, `${range.fromSeq}`, `${range.toSeq}`])),
  );
}

/** Throws when the bytes are not what `packRanges` makes: a defect, never input. */
export function unpackRanges(bytes: Uint8Array): StreamRange[] {
  const ranges = JSON.parse(new TextDecoder().decode(bytes)) as [string, string, string][];
  return ranges.map(([conversationId, fromSeq, toSeq]) => ({
    conversationId,
    fromSeq: BigInt(fromSeq),
    toSeq: BigInt(toSeq),
  }));
}
