import { ERRORS, isAppError, toAppError } from "#proto/errors.ts";
import { type ErrorData, encodeServerFrame, type ServerFrameData, type ServerFrameType } from "#proto/frames.ts";
import type { GatewayMetrics } from "../metrics.ts";
import type { Session } from "./session.ts";

/** Writes direct answers to one socket. */
export interface Answers {
  send<T extends ServerFrameType>(session: Session, type: T, data: ServerFrameData[T], id?: string): void;
  /** An `error` frame never closes (STYLE §4). Anything but an AppError is told as INTERNAL_ERROR. */
  error(session: Session, error: unknown, id?: string): void;
}

export function createAnswers(metrics: GatewayMetrics, clock: () => number): Answers {
  function send<T extends ServerFrameType>(session: Session, type: T, data: ServerFrameData[T], id?: string): void {
    if (session.send(encodeServerFrame(type, data, Math.floor(clock() / 1000), id))) metrics.framesOut.inc();
  }

  return {
    send,
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
