/** A line that tells how far a run is: rewritten on a terminal, a line per step elsewhere. Goes to stderr. */
export interface Progress {
  /** A new step. */
  say(text: string): void;
  /** The state of the step; on a terminal only. */
  show(text: string): void;
  end(): void;
}

export function createProgress(): Progress {
  const terminal = process.stderr.isTTY === true;
  const clear = "\r\x1b[2K";
  const startMs = performance.now();
  const since = (): string => `${((performance.now() - startMs) / 1000).toFixed(1).padStart(6)} s  `;
  return {
    say: (text) => void process.stderr.write(terminal ? `${clear}${text} ...` : `${since()}${text}\n`),
    show: (text) => void (terminal && process.stderr.write(`${clear}${text}`)),
    end: () => void (terminal && process.stderr.write(clear)),
  };
}
