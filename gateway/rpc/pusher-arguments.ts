import { AppError } from "#proto/errors.ts";
import { CLOSE, encodeServerFrame } from "#proto/frames.ts";
import type { PushSignal } from "#proto/gen/gochat/gateway/v1/pusher_service_pb.ts";
import { IDS_MAX, isId, isPrintableAscii, textFault, utf8Bytes } from "#proto/limits.ts";
import { encodeSignalBytes } from "#proto/server-frame-binary.ts";
import { isSignalType, signalData } from "#proto/signals.ts";
import type { Wire } from "../ws/wire.ts";

/** Of a WebSocket's close frame, bytes. */
const reasonBytesMax = 123;
const traceIdCharsMax = 64;
const sessionIdCharsMax = 64;

/** Ends that a service may decide on; the others say what happened on the socket itself (spec 20 §8). */
const kickCodes: ReadonlySet<number> = new Set([
  ...[CLOSE.normal, CLOSE.goingAway, CLOSE.overloaded],
  ...[CLOSE.tokenExpired, CLOSE.replaced, CLOSE.accountDisabled, CLOSE.signedOut, CLOSE.abuse],
]);

/** INVALID_PARAMETER that names the field of the request. */
function invalid(field: string): AppError {
  return new AppError("INVALID_PARAMETER", { details: { fields: [field] } });
}

/** Each once, as presence and the hub know them. Throws INVALID_PARAMETER. */
export function requireUsers(userIds: readonly string[]): Map<bigint, string> {
  if (userIds.length > IDS_MAX || !userIds.every(isId)) throw invalid("user_ids");
  return new Map(userIds.map((userId) => [BigInt(userId), userId]));
}

/** A signal as its frames, one per subprotocol. */
export interface SignalFrames {
  readonly text: Wire;
  readonly bytes: Wire;
  /** 0 = no end. */
  readonly ttlMs: number;
  /** Empty when it has none. */
  readonly traceId: string;
}

/** Throws INVALID_PARAMETER for what one of the subprotocols cannot say, and for frames above `bytesMax`. */
export function requireSignal(signal: PushSignal | undefined, bytesMax: number, nowS: number): SignalFrames {
  if (signal === undefined || !isSignalType(signal.type)) throw invalid("signal.type");
  const { type, payload, traceId, ttlMs } = signal;
  if (ttlMs < 0n) throw invalid("signal.ttl_ms");
  if (traceId !== "" && !isPrintableAscii(traceId, traceIdCharsMax)) throw invalid("signal.trace_id");
  if (utf8Bytes(payload) > bytesMax) throw invalid("signal.payload");
  const data = signalData(type, payload);
  if (data === undefined) throw invalid("signal.payload");
  const text = encodeServerFrame(type, data, nowS);
  const bytes = encodeSignalBytes(type, JSON.stringify(data), nowS);
  if (bytes === undefined || bytes.length > bytesMax || utf8Bytes(text) > bytesMax) throw invalid("signal.payload");
  return { text, bytes, ttlMs: Number(ttlMs), traceId };
}

/** Throws INVALID_PARAMETER. */
export function checkKick(sessionIds: readonly string[], code: number, reason: string): void {
  if (sessionIds.length > IDS_MAX) throw invalid("session_ids");
  if (!sessionIds.every((id) => isPrintableAscii(id, sessionIdCharsMax))) throw invalid("session_ids");
  if (!kickCodes.has(code)) throw invalid("code");
  if (textFault(reason, reasonBytesMax, reasonBytesMax) !== undefined) throw invalid("reason");
}
