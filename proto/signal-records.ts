import { type AddressedRoute, recordBytesMax, usersPerTargetMax } from "./addressing.ts";
import type { ServerFrameData, ServerFrameType } from "./frames.ts";
import type { OnlineStatus } from "./gen/gochat/common/v1/user_pb.ts";
import type { DownstreamItem, DownstreamRecord } from "./gen/gochat/mq/v1/downstream_pb.ts";
import { itemBytes } from "./topics.ts";

/** A push to users that is no row of a stream: the data of a frame. Whoever is not online gets none. */
export interface AddressedSignal<T extends ServerFrameType = ServerFrameType> {
  readonly type: T;
  readonly data: ServerFrameData[T];
  /** After this many ms it is of no use any more; 0 = never. */
  readonly ttlMs: number;
  /** A socket session that is left out; default: none is. */
  readonly exceptSessionId?: string;
}

const encoder = new TextEncoder();

/** Where presence has these users. */
export function routesOf(statuses: readonly OnlineStatus[]): AddressedRoute[] {
  const routes = new Map<string, { gatewayId: string; incarnation: string; userIds: Set<bigint> }>();
  for (const { userId, sessions } of statuses) {
    for (const { gatewayId, incarnation } of sessions) {
      const key = `${gatewayId} ${incarnation}`;
      const known = routes.get(key);
      if (known === undefined) routes.set(key, { gatewayId, incarnation, userIds: new Set([BigInt(userId)]) });
      else known.userIds.add(BigInt(userId));
    }
  }
  return Array.from(routes.values(), (route) => ({ ...route, userIds: [...route.userIds] }));
}

/** One record for each gateway that has sessions of these users (spec 50 §3). The records share the body. */
export function signalRecords(
  routes: readonly AddressedRoute[],
  { type, data, ttlMs, exceptSessionId = "" }: AddressedSignal,
  nowMs: number,
  traceId = "",
): DownstreamRecord[] {
  const body: DownstreamItem["body"] = {
    case: "signal",
    value: {
      $typeName: "gochat.mq.v1.Signal",
      signalType: type,
      payload: encoder.encode(JSON.stringify(data)),
      expiresAtMs: ttlMs === 0 ? 0n : BigInt(nowMs + ttlMs),
      originSessionId: exceptSessionId,
    },
  };
  return routes.map(({ gatewayId, incarnation, userIds }) => {
    const items: DownstreamItem[] = [];
    for (let from = 0; from < userIds.length; from += usersPerTargetMax) {
      const value = {
        $typeName: "gochat.mq.v1.UserTarget" as const,
        userIds: userIds.slice(from, from + usersPerTargetMax),
      };
      const target = { case: "users" as const, value };
      items.push({ $typeName: "gochat.mq.v1.DownstreamItem", traceId, target, body, ttlMs: BigInt(ttlMs) });
    }
    return { $typeName: "gochat.mq.v1.DownstreamRecord", gatewayId, incarnation, createdAtMs: BigInt(nowMs), items };
  });
}

/** What goes to one gateway in one record, up to 512 KiB each; the order of each gateway's items stays. */
export function joinedRecords(records: readonly DownstreamRecord[]): DownstreamRecord[] {
  const joined: DownstreamRecord[] = [];
  const open = new Map<string, { record: DownstreamRecord; bytes: number }>();
  for (const record of records) {
    const key = `${record.gatewayId} ${record.incarnation}`;
    const bytes = record.items.reduce((sum, item) => sum + itemBytes(item), 0);
    const last = open.get(key);
    if (last !== undefined && last.bytes + bytes <= recordBytesMax) {
      last.record.items.push(...record.items);
      last.bytes += bytes;
      continue;
    }
    const own = { ...record, items: [...record.items] };
    joined.push(own);
    open.set(key, { record: own, bytes });
  }
  return joined;
}
