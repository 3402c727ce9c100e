import type { ServerWebSocket, WebSocketHandler } from "bun";
import { CONTENT_CHARS_MAX } from "#proto/limits.ts";
import type { GatewayMetrics } from "../metrics.ts";
import type { Presence } from "../presence.ts";
import type { Answers } from "./answers.ts";
import { type Close, closes } from "./close-codes.ts";
import type { Handshake } from "./handshake.ts";
import type { Hub } from "./hub.ts";
import type { Inbound } from "./inbound.ts";
import type { Session } from "./session.ts";
import { createTimerWheel } from "./timer-wheel.ts";

/** The life of the sockets between upgrade and end: events of the server on one side, one timer wheel on the other. */
export interface Sockets {
  readonly handler: WebSocketHandler<Session>;
  /** Sends `connected` and takes up the frames that waited; for the handshake. */
  opened(session: Session): void;
  /** Moves the wheel; to be called about once a second. */
  tick(nowMs: number): void;
}

export interface SocketsOptions {
  readonly gatewayId: string;
  readonly pingAfterMs: number;
  readonly silenceMaxMs: number;
  readonly writeTimeoutMs: number;
  readonly heartbeatMs: number;
  readonly maxMessageSize: number;
  readonly queueBytesMax: number;
  readonly compression: boolean;
  /** What `connected` tells of the limits. */
  readonly sendPerSecond: number;
  readonly bytesPerSecond: number;
}

export interface SocketsDeps {
  readonly hub: Hub;
  readonly handshake: () => Handshake;
  readonly inbound: Inbound;
  readonly presence: Presence;
  readonly answers: Answers;
  readonly metrics: GatewayMetrics;
  readonly clock: () => number;
}

/** A socket whose peer is gone ends here at the latest, in seconds; the wheel closes it with 4008 before. */
const nativeIdleSeconds = 240;

export function createSockets(options: SocketsOptions, deps: SocketsDeps): Sockets {
  const { hub, inbound, presence, answers, metrics, clock } = deps;
  const wheel = createTimerWheel<Session>(clock(), check);
  /** Sockets that do not drain, and when that was first seen. */
  const blockedSinceMs = new Map<Session, number>();

  function end(session: Session, { code, reason }: Close): void {
    session.close(code, reason);
  }

  /** Called by the wheel for each session about every `pingAfterMs`, and when a deadline of it is due. */
  function check(session: Session, nowMs: number): void {
    if (session.state === "closed") return;
    const overdue = overdueOf(session, nowMs);
    if (overdue !== undefined) {
      end(session, overdue);
      return;
    }
    if (nowMs - session.lastInboundMs >= options.pingAfterMs) session.socket?.ping();
    if (session.state === "open" && nowMs >= session.nextHeartbeatMs) {
      session.nextHeartbeatMs = nowMs + options.heartbeatMs;
      presence.alive(session);
    }
    let dueMs = Math.min(nowMs + options.pingAfterMs, session.lastInboundMs + options.silenceMaxMs);
    const since = blockedSinceMs.get(session);
    if (since !== undefined) dueMs = Math.min(dueMs, since + options.writeTimeoutMs);
    wheel.schedule(session, Math.max(dueMs, nowMs));
  }

  function overdueOf(session: Session, nowMs: number): Close | undefined {
    if (nowMs - session.lastInboundMs >= options.silenceMaxMs) return closes.silent;
    if (session.expiresAtS * 1000 <= nowMs) return closes.tokenExpired;
    return isStuck(session, nowMs) ? closes.slow : undefined;
  }

  /** Bun tells that a buffer is empty again, but nothing about one that never is: looked at from the wheel. */
  function isStuck(session: Session, nowMs: number): boolean {
    if (session.socket === undefined || session.socket.getBufferedAmount() === 0) {
      blockedSinceMs.delete(session);
      return false;
    }
    const since = blockedSinceMs.get(session) ?? nowMs;
    blockedSinceMs.set(session, since);
    return nowMs - since >= options.writeTimeoutMs;
  }

  function open(socket: ServerWebSocket<Session>): void {
    const session = socket.data;
    session.socket = socket;
    hub.add(session);
    wheel.schedule(session, clock() + Math.min(options.pingAfterMs, options.silenceMaxMs));
    if (!deps.handshake().begin(session)) end(session, closes.overloaded);
  }

  function close(session: Session, code: number): void {
    const closeCode = session.closeCode === 0 ? code : session.closeCode;
    session.closeCode = closeCode;
    session.state = "closed";
    session.inbox = undefined;
    blockedSinceMs.delete(session);
    wheel.cancel(session);
    hub.remove(session);
    presence.left(session);
    metrics.closes.inc({ code: String(closeCode) });
  }

  return {
    handler: {
      maxPayloadLength: options.maxMessageSize,
      backpressureLimit: options.queueBytesMax,
      closeOnBackpressureLimit: true,
      idleTimeout: nativeIdleSeconds,
      sendPings: false,
      perMessageDeflate: options.compression,
      open,
      message(socket, message) {
        const binary = socket.data.carrier === "binary";
        if ((typeof message === "string") === binary) end(socket.data, closes.frameType);
        else inbound.message(socket.data, message);
      },
      ping(socket) {
        socket.data.lastInboundMs = clock();
      },
      pong(socket) {
        socket.data.lastInboundMs = clock();
      },
      drain(socket) {
        blockedSinceMs.delete(socket.data);
      },
      close(socket, code) {
        close(socket.data, code);
      },
    },
    opened(session) {
      const nowMs = clock();
      session.nextHeartbeatMs = nowMs + options.heartbeatMs;
      answers.send(session, "connected", {
        sessionId: session.id,
        userId: session.userId,
        gatewayId: options.gatewayId,
        heartbeatSeconds: Math.round(options.pingAfterMs / 1000),
        serverTimeMs: nowMs,
        limits: {
          maxFrameBytes: options.maxMessageSize,
          maxContentChars: CONTENT_CHARS_MAX,
          sendPerSecond: options.sendPerSecond,
          bytesPerSecond: options.bytesPerSecond,
        },
      });
      inbound.resume(session);
    },
    tick: (nowMs) => wheel.advance(nowMs),
  };
}
