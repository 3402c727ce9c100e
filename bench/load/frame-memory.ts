/** How many different pieces are remembered; a room's piece comes once per socket within a short time. */
export const rememberedMax = 64;

/** Bytes that came before, with what was made of them. Every socket of a room gets the same bytes, so they are parsed once and
 *  then compared: each byte is checked, and nothing is parsed again. The newest `rememberedMax` are kept. */
export interface FrameMemory<T> {
  find(bytes: Buffer): T | undefined;
  /** Copies `bytes`. */
  remember(bytes: Buffer, meaning: T): void;
}

export function createFrameMemory<T>(): FrameMemory<T> {
  const lengths = new Int32Array(rememberedMax).fill(-1);
  const pieces: Buffer[] = new Array(rememberedMax);
  const meanings: T[] = new Array(rememberedMax);
  let newest = 0;

  return {
    find(bytes) {
      const { length } = bytes;
      for (let back = 0; back < rememberedMax; back += 1) {
        const at = (newest - back + rememberedMax) % rememberedMax;
        if (lengths[at] === length && pieces[at]?.equals(bytes) === true) return meanings[at];
      }
      return undefined;
    },
    remember(bytes, meaning) {
      newest = (newest + 1) % rememberedMax;
      lengths[newest] = bytes.length;
      pieces[newest] = Buffer.from(bytes);
      meanings[newest] = meaning;
    },
  };
}
