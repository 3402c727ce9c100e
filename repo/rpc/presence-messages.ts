import { create } from "@bufbuild/protobuf";
import { type OnlineStatus, OnlineStatusSchema } from "#proto/gen/gochat/common/v1/user_pb.ts";
import {
  MultiDevice,
  type SetUserOfflineRequest,
  type SetUserOnlineRequest,
} from "#proto/gen/gochat/repo/v1/online_status_service_pb.ts";
import { CLIENT_INFO_CHARS_MAX, DEVICE_ID_CHARS_MAX } from "#proto/limits.ts";
import type { Arrival, Departure, UserPresence } from "../store/presence.ts";
import type { Eviction } from "../store/presence-rules.ts";
import { idOf, invalid } from "./arguments.ts";

const platformCharsMax = 16;
const sidCharsMax = 64;

const evictions: Readonly<Record<number, Eviction>> = {
  [MultiDevice.MULTI]: "multi",
  [MultiDevice.PER_PLATFORM]: "per-platform",
  [MultiDevice.SINGLE]: "single",
};

/** What the gateway tells of a device is cut to its length, not refused: it is only shown. Throws INVALID_PARAMETER. */
export function arrivalOf(item: SetUserOnlineRequest): Arrival {
  return {
    userId: idOf(item.userId, "user_id"),
    sessionId: shortId(item.sessionId, "session_id"),
    gatewayId: shortId(item.gatewayId, "gateway_id"),
    incarnation: shortId(item.incarnation, "incarnation"),
    sid: item.sid.slice(0, sidCharsMax),
    deviceId: item.deviceId.slice(0, DEVICE_ID_CHARS_MAX),
    platform: item.platform.slice(0, platformCharsMax),
    clientInfo: item.clientInfo.slice(0, CLIENT_INFO_CHARS_MAX),
    eviction: evictions[item.policy?.multiDevice ?? MultiDevice.UNSPECIFIED] ?? "multi",
    sessionsMax: Math.max(0, item.policy?.maxSessions ?? 0),
    connectedAtMs: item.connectedAtMs > 0n ? Number(item.connectedAtMs) : undefined,
  };
}

/** Throws INVALID_PARAMETER. */
export function departureOf({ userId, sessionId, gatewayId, incarnation }: SetUserOfflineRequest): Departure {
  return {
    userId: idOf(userId, "user_id"),
    sessionId: shortId(sessionId, "session_id"),
    gatewayId: shortId(gatewayId, "gateway_id"),
    incarnation: shortId(incarnation, "incarnation"),
  };
}

export function toStatus({ userId, sessions, lastSeen }: UserPresence): OnlineStatus {
  return create(OnlineStatusSchema, {
    userId: userId.toString(),
    isOnline: sessions.length > 0,
    gatewayId: sessions[0]?.gatewayId ?? "",
    lastSeen: BigInt(lastSeen),
    sessions: sessions.map(({ sessionId, gatewayId, incarnation, sid, deviceId, platform, clientInfo, ...at }) => ({
      sessionId,
      sid,
      gatewayId,
      incarnation,
      deviceId,
      platform,
      clientInfo,
      connectedAt: BigInt(Math.floor(at.connectedAtMs / 1000)),
      lastSeen: BigInt(at.lastSeen),
    })),
  });
}

/** Ids of sessions, gateways and incarnations become part of a list with `|` and `;` between its parts. */
export function shortId(text: string, field: string): string {
  if (!/^[A-Za-z0-9_.:-]{1,64}$/.test(text)) throw invalid(field);
  return text;
}
