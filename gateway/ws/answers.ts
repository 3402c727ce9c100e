import { ERRORS, isAppError, toAppError } from "#proto/errors.ts";
import type { ErrorData, ServerFrameData } from "#proto/frames.ts";
import { encodeSyncResultBytes, type PlainFrameType, type SyncedRows } from "#proto/server-frame-binary.ts";
import type { GatewayMetrics } from "../metrics.ts";
import type { Session } from "./session.ts";
import { encodeSyncResultText } from "./sync-frame.ts";
import { encodeFor } from "./wire.ts";

/** Writes direct answers to one socket. */
export interface Answers {
  send<T extends PlainFrameType>(session: Session, type: T, data: ServerFrameData[T], id?: string): void;
  syncResult(session: Session, result: { conversations: readonly SyncedRows[]; done: boolean }, id?: string): void;
  /** An `error` frame never closes (STYLE §4). Anything but an AppError is told as INTERNAL_ERROR. */
  error(session: Session, error: unknown, id?: string): void;
}

export function createAnswers(metrics: GatewayMetrics, clock: () => number): Answers {
  function send<T extends PlainFrameType>(session: Session, type: T, data: ServerFrameData[T], id?: string): void {
    if (session.send(encodeFor(session.carrier, type, data, Math.floor(clock() / 1000), id))) metrics.framesOut.inc();
  }

  return {
    send,
    syncResult(session, { conversations, done }, id) {
      const nowS = Math.floor(clock() / 1000);
      const frame =
        session.carrier === "binary"
          ? encodeSyncResultBytes({ conversations, done }, nowS, id)
          : encodeSyncResultText({ conversations, done }, nowS, id);
      if (session.send(frame)) metrics.framesOut.inc();
    },
    error(session, error, id) {
      const timedOut = !isAppError(error) && error instanceof Error && error.name === "TimeoutError";
      const known = toAppError(error);
      const kind = ERRORS[timedOut ? "TIMEOUT" : known.code];
      const data: ErrorData = { code: kind.ws, message: timedOut ? kind.message : known.message };
      if (known.details !== undefined) data.details = { ...known.details };
      send(session, "error", data, id);
    },
  };
}
