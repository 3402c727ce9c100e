import type { Fields, Logger } from "../clog/clog.ts";

/** What takes longer is logged (spec 60 §7). Hot: read at each use. */
export interface SlowThresholds {
  /** An HTTP request at the gateway, ms. */
  requestMs: number;
  /** A call between services, in its server, ms. */
  callMs: number;
}

export const slowDefaults: Readonly<SlowThresholds> = { requestMs: 500, callMs: 200 };

/** Tells what was slow. */
export interface SlowLog {
  /** One line, level warn, with `latency_ms`. At most `linesMax` lines in a second: when everything is slow, the log is not
   *  what makes it slower. The next line says in `left_out` how many there were besides. */
  tell(ms: number, fields: Fields): void;
}

const linesMax = 20;
const windowMs = 1000;

/** `now`: a clock that only grows, ms. */
export function createSlowLog(clog: Logger, msg: string, now: () => number = () => performance.now()): SlowLog {
  let sinceMs = Number.NEGATIVE_INFINITY;
  let lines = 0;
  let leftOut = 0;
  return {
    tell(ms, fields) {
      const nowMs = now();
      if (nowMs - sinceMs >= windowMs) {
        sinceMs = nowMs;
        lines = 0;
      }
      if (lines >= linesMax) {
        leftOut += 1;
        return;
      }
      lines += 1;
      const more = leftOut === 0 ? {} : { left_out: leftOut };
      leftOut = 0;
      clog.warn(msg, { ...fields, latency_ms: Math.round(ms), ...more });
    },
  };
}
