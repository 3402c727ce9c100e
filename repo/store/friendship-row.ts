import type { Tables } from "#drizzle/schema.ts";
import type { Found } from "#infra/db/steps.ts";
import type { Friend, FriendRequest, FriendStatus } from "#proto/gen/gochat/common/v1/friend_pb.ts";
import { type SenderRow, seconds, toUserInfo } from "./message-row.ts";

/** `friendship_requests.status`: one row per direction. A row is also the request that asked for it. */
export const friendStatus = { pending: 0, accepted: 1, rejected: 2, blocked: 3, removed: 4 } as const;

export function friendshipColumns({ friendshipRequests: f }: Tables) {
  return {
    id: f.id,
    requesterId: f.requesterId,
    targetId: f.targetId,
    status: f.status,
    remark: f.requesterRemarks,
    message: f.message,
    createdAt: f.createdAt,
    updatedAt: f.updatedAt,
  } as const;
}

export type FriendshipRow = Found<ReturnType<typeof friendshipColumns>>;

/** `people` by id: what everybody may see of the two. */
export function toFriendRequest(row: FriendshipRow, people: ReadonlyMap<bigint, SenderRow>): FriendRequest {
  const [requester, target] = [people.get(row.requesterId), people.get(row.targetId)];
  return {
    $typeName: "gochat.common.v1.FriendRequest",
    id: row.id.toString(),
    requesterId: row.requesterId.toString(),
    targetId: row.targetId.toString(),
    status: row.status as FriendStatus,
    message: row.message ?? "",
    createdAt: seconds(row.createdAt),
    updatedAt: seconds(row.updatedAt),
    requester: requester === undefined ? undefined : toUserInfo(requester),
    target: target === undefined ? undefined : toUserInfo(target),
  };
}

/** Whether the friend is online is not known here. */
export function toFriend(row: FriendshipRow, friend: SenderRow | null | undefined): Friend {
  return {
    $typeName: "gochat.common.v1.Friend",
    userId: row.requesterId.toString(),
    friendId: row.targetId.toString(),
    status: row.status as FriendStatus,
    createdAt: seconds(row.createdAt),
    updatedAt: seconds(row.updatedAt),
    friend: friend === null || friend === undefined ? undefined : toUserInfo(friend),
    remark: row.remark ?? "",
    online: false,
    lastSeen: 0n,
  };
}
