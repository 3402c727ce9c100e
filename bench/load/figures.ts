import { build, decodeFromCompressedBase64, encodeIntoCompressedBase64, type Histogram } from "hdr-histogram-js";

/** Latencies in microseconds, up to ten minutes, three significant digits. */
export function createHistogram(): Histogram {
  return build({ lowestDiscernibleValue: 1, highestTrackableValue: 600_000_000 });
}

export function record(histogram: Histogram, ms: number): void {
  histogram.recordValue(ms < 0.001 ? 1 : ms > 600_000 ? 600_000_000 : Math.round(ms * 1000));
}

/** A histogram on its way between processes. */
export const packed = (histogram: Histogram): string => encodeIntoCompressedBase64(histogram);

/** One histogram of the packed ones of several processes or rounds. */
export function unpacked(...texts: readonly string[]): Histogram {
  const all = createHistogram();
  for (const text of texts) all.add(decodeFromCompressedBase64(text));
  return all;
}
