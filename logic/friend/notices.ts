import { create } from "@bufbuild/protobuf";
import { outRecord } from "#infra/mq/mq.ts";
import { uuidv7 } from "#infra/uid/uid.ts";
import type { FriendRequest } from "#proto/gen/gochat/common/v1/friend_pb.ts";
import type { UserInfo } from "#proto/gen/gochat/common/v1/user_pb.ts";
import { FriendEventSchema } from "#proto/gen/gochat/mq/v1/friend_event_pb.ts";
import { NotificationEventSchema } from "#proto/gen/gochat/mq/v1/notification_event_pb.ts";
import { userInfoToJson } from "#proto/message-json.ts";
import type { FriendJson, UserInfoJson } from "#proto/objects.ts";
import { topics } from "#proto/topics.ts";
import type { Announce } from "../announce.ts";
import type { Signals } from "../signals.ts";

/** Tells both sides, and the log, what became of them. Never waits and never throws. */
export interface FriendNotices {
  asked(request: FriendRequest): void;
  /** Of either side, by an answer or by asking back. */
  accepted(request: FriendRequest, conversationId: string): void;
  rejected(request: FriendRequest): void;
  removed(userId: string, friendId: string): void;
  /** A friend who is blocked sees the blocker go offline, and no more of him. */
  blocked(userId: string, friendId: string): void;
}

export interface FriendNoticesDeps {
  readonly signals: Pick<Signals, "send">;
  readonly announce: Announce;
  /** Unix ms. */
  readonly clock: () => number;
}

export function createFriendNotices({ signals, announce, clock }: FriendNoticesDeps): FriendNotices {
  function event(type: string, userId: string, friendId: string, request?: FriendRequest): void {
    const lower = BigInt(userId) < BigInt(friendId) ? userId : friendId;
    const value = create(FriendEventSchema, {
      eventId: uuidv7(),
      eventType: type,
      timestampMs: BigInt(clock()),
      userId: BigInt(userId),
      friendId: BigInt(friendId),
      payload: { requestId: BigInt(request?.id ?? 0), message: request?.message ?? "" },
    });
    announce(outRecord(topics.friendEvents, lower, value));
  }

  /** Stored by the consumer of notifications: somebody who is away finds it later. */
  function notify({ id, requesterId, targetId, message }: FriendRequest): void {
    const value = create(NotificationEventSchema, {
      eventId: uuidv7(),
      eventType: "friend.request.new",
      timestampMs: BigInt(clock()),
      targetUserId: BigInt(targetId),
      payload: {
        case: "friendRequestNew",
        value: { requestId: BigInt(id), requesterId: BigInt(requesterId), message },
      },
    });
    announce(outRecord(topics.notifications, targetId, value));
  }

  function told(to: string, request: FriendRequest, kind: "received" | "accepted" | "rejected"): void {
    const { id: requestId, message } = request;
    const requester = infoOf(request.requester, request.requesterId);
    const data = { requestId, requester, event: kind, ...(message === "" ? {} : { message }) };
    signals.send([to], "friend-request", data);
  }

  return {
    asked(request) {
      told(request.targetId, request, "received");
      event("friend.request.sent", request.requesterId, request.targetId, request);
      event("friend.request.received", request.targetId, request.requesterId, request);
      notify(request);
    },
    accepted(request, conversationId) {
      const { requesterId, targetId } = request;
      told(requesterId, request, "accepted");
      const added = (to: string, other: string, info: UserInfo | undefined): void =>
        signals.send([to], "friend-added", { friend: friendOf(to, other, info, request), conversationId });
      added(requesterId, targetId, request.target);
      added(targetId, requesterId, request.requester);
      event("friend.request.accepted", targetId, requesterId, request);
      event("friend.added", requesterId, targetId, request);
      event("friend.added", targetId, requesterId, request);
    },
    rejected(request) {
      told(request.requesterId, request, "rejected");
      event("friend.request.rejected", request.targetId, request.requesterId, request);
    },
    removed(userId, friendId) {
      signals.send([userId], "friend-removed", { userId: friendId });
      signals.send([friendId], "friend-removed", { userId });
      event("friend.removed", userId, friendId);
    },
    blocked(userId, friendId) {
      signals.send([friendId], "online-status", { userId, status: "offline" });
    },
  };
}

function infoOf(info: UserInfo | undefined, id: string): UserInfoJson {
  return info === undefined ? { id, username: "" } : userInfoToJson(info);
}

function friendOf(userId: string, friendId: string, info: UserInfo | undefined, request: FriendRequest): FriendJson {
  const updatedAt = Number(request.updatedAt);
  return { userId, friendId, status: 1, createdAt: updatedAt, updatedAt, friend: infoOf(info, friendId) };
}
