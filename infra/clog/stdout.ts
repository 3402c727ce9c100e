/** Lines beyond so many bytes that the reader of the log has not taken are left out. */
const waitingBytesMax = 1024 * 1024;

/** The part of `process.stdout` that is used; with tests in its place. */
export interface LineStream {
  /** Takes the text at once; `done` is called when it has left, or cannot. */
  write(text: string, done: (error?: Error | null) => void): boolean;
  on(event: "error", listener: () => void): unknown;
}

/** Writes lines to stdout without ever waiting for their reader. A line that the reader has room for has left when the
 *  call returns; others wait in memory up to 1 MiB, beyond that they are left out and `lost` tells how many when the reader
 *  reads again. A reader that is gone costs its lines and nothing else: nothing here throws. */
export function openStdout(lost: (lines: number) => void, stream: LineStream = process.stdout): (line: string) => void {
  let waitingBytes = 0;
  let leftOut = 0;
  // Each write tells its own failure; without a listener the event would end the process.
  stream.on("error", () => undefined);
  return (line) => {
    const bytes = Buffer.byteLength(line);
    if (waitingBytes + bytes > waitingBytesMax) {
      leftOut += 1;
      return;
    }
    waitingBytes += bytes;
    stream.write(line, (error) => {
      waitingBytes -= bytes;
      if (error || leftOut === 0 || waitingBytes > 0) return;
      const lines = leftOut;
      leftOut = 0;
      lost(lines);
    });
  };
}
