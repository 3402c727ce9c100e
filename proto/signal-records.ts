import { usersPerTargetMax } from "./addressing.ts";
import type { ServerFrameData, ServerFrameType } from "./frames.ts";
import type { OnlineStatus } from "./gen/gochat/common/v1/user_pb.ts";
import type { DownstreamItem, DownstreamRecord } from "./gen/gochat/mq/v1/downstream_pb.ts";

/** A push to users that is no row of a stream: the data of a frame. Whoever is not online gets none. */
export interface AddressedSignal<T extends ServerFrameType = ServerFrameType> {
  readonly type: T;
  readonly data: ServerFrameData[T];
  /** After this many ms it is of no use any more; 0 = never. */
  readonly ttlMs: number;
}

const encoder = new TextEncoder();

/** One record for each gateway that has sessions of these users (spec 50 §3). Bodies are shared by the records. */
export function signalRecords(
  statuses: readonly OnlineStatus[],
  { type, data, ttlMs }: AddressedSignal,
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
    },
  };
  const records = new Map<string, DownstreamRecord & { users: Set<bigint> }>();
  for (const { userId, sessions } of statuses) {
    for (const { gatewayId, incarnation } of sessions) {
      const key = `${gatewayId} ${incarnation}`;
      const known = records.get(key);
      if (known !== undefined) {
        known.users.add(BigInt(userId));
        continue;
      }
      const users = new Set([BigInt(userId)]);
      const fields = { gatewayId, incarnation, createdAtMs: BigInt(nowMs), items: [], users };
      records.set(key, { $typeName: "gochat.mq.v1.DownstreamRecord", ...fields });
    }
  }
  return [...records.values()].map(({ users, ...record }) => {
    const ids = [...users];
    for (let from = 0; from < ids.length; from += usersPerTargetMax) {
      const userIds = ids.slice(from, from + usersPerTargetMax);
      const target = { case: "users" as const, value: { $typeName: "gochat.mq.v1.UserTarget" as const, userIds } };
      const ttl = BigInt(ttlMs);
      record.items.push({ $typeName: "gochat.mq.v1.DownstreamItem", traceId, target, body, ttlMs: ttl });
    }
    return record;
  });
}
