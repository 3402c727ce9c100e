import type { Logger } from "#infra/clog/clog.ts";
import { parseClientFrame } from "#proto/client-frame.ts";
import { parseClientFrameBytes } from "#proto/client-frame-binary.ts";
import { AppError } from "#proto/errors.ts";
import type { ClientFrame } from "#proto/frames.ts";
import type { GatewayMetrics } from "../metrics.ts";
import type { Answers } from "./answers.ts";
import { closes } from "./close-codes.ts";
import type { FrameLimits } from "./frame-limits.ts";
import type { Session } from "./session.ts";
import type { Wire } from "./wire.ts";

/** What a frame does. A promise means that later frames of the socket wait for it. */
export interface FrameHandlers {
  handle(session: Session, frame: ClientFrame): Promise<void> | undefined;
}

/** Takes the frames of all sockets: limits, then parsing, then handling in the order of arrival per socket. Bun runs
 *  async handlers of one socket concurrently, so a socket whose frame takes more than a turn queues the next ones. */
export interface Inbound {
  message(session: Session, wire: Wire): void;
  /** Takes up what arrived before `connected`. */
  resume(session: Session): void;
}

export interface InboundOptions {
  readonly inboundFramesMax: number;
  readonly inboundBytesMax: number;
}

export interface InboundDeps {
  readonly limits: FrameLimits;
  readonly handlers: FrameHandlers;
  readonly answers: Answers;
  readonly metrics: GatewayMetrics;
  readonly clog: Logger;
  readonly clock: () => number;
}

export function createInbound(options: InboundOptions, deps: InboundDeps): Inbound {
  const { limits, handlers, answers, metrics, clog, clock } = deps;

  /** Frames over the bound are refused like frames over the rate: the client sent faster than it was answered. */
  function enqueue(session: Session, wire: Wire, bytes: number): void {
    session.inbox ??= { wires: [], bytes: 0 };
    const { inbox } = session;
    if (inbox.wires.length >= options.inboundFramesMax || inbox.bytes + bytes > options.inboundBytesMax) {
      answers.error(session, new AppError("RATE_LIMITED", { details: { retryAfterMs: 1000 } }));
      return;
    }
    inbox.wires.push(wire);
    inbox.bytes += bytes;
  }

  function run(session: Session, wire: Wire): void {
    const parsed = typeof wire === "string" ? parseClientFrame(wire) : parseClientFrameBytes(wire);
    if (!parsed.ok) {
      const { code, message, details } = parsed.error;
      answers.error(session, new AppError(code, { message, details }), parsed.id);
      return;
    }
    let work: Promise<void> | undefined;
    try {
      work = handlers.handle(session, parsed.frame);
    } catch (error) {
      failed(session, error, parsed.frame.id);
      return;
    }
    if (work === undefined) return;
    session.busy = true;
    work
      .catch((error: unknown) => failed(session, error, parsed.frame.id))
      .finally(() => {
        session.busy = false;
        resume(session);
      });
  }

  function failed(session: Session, error: unknown, id: string | undefined): void {
    if (!(error instanceof AppError)) clog.error("a frame failed", { session_id: session.id, err: error });
    answers.error(session, error, id);
  }

  function resume(session: Session): void {
    while (session.state === "open" && !session.busy && session.inbox !== undefined) {
      const wire = session.inbox.wires.shift();
      if (wire === undefined) {
        session.inbox = undefined;
        return;
      }
      session.inbox.bytes -= Buffer.byteLength(wire);
      run(session, wire);
    }
  }

  return {
    message(session, wire) {
      const nowMs = clock();
      session.lastInboundMs = nowMs;
      metrics.framesIn.inc();
      if (session.closeCode !== 0) return;
      const bytes = Buffer.byteLength(wire);
      const verdict = limits.take(session, bytes, nowMs);
      if (verdict.at === "abuse") {
        session.close(closes.abuse.code, closes.abuse.reason);
        return;
      }
      if (verdict.at === "limited") {
        const details = { retryAfterMs: verdict.retryAfterMs };
        answers.error(session, new AppError("RATE_LIMITED", { details }));
        return;
      }
      if (session.state === "open" && !session.busy && session.inbox === undefined) run(session, wire);
      else enqueue(session, wire, bytes);
    },
    resume,
  };
}
