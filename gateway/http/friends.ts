import { z } from "zod";
import { AppError } from "#proto/errors.ts";
import type { FriendStatus } from "#proto/gen/gochat/common/v1/friend_pb.ts";
import { FriendAction, FriendRequestType } from "#proto/gen/gochat/logic/v1/friend_service_pb.ts";
import { FRIEND_MESSAGE_CHARS_MAX, REMARK_CHARS_MAX } from "#proto/limits.ts";
import { id, seconds, text } from "#proto/schemas/fields.ts";
import { conversation, friend, friendRequest } from "#proto/schemas/objects.ts";
import { type ApiDeps, callerOptions } from "./context.ts";
import { aliased, created, done, type Endpoints, endpoint, ok } from "./endpoint.ts";
import type { Handlers } from "./mount.ts";
import { conversationToJson, friendRequestToJson, friendToJson } from "./objects.ts";
import { flag, pageAliases, pageFields, seqText, wholeNumber } from "./validate.ts";

const actions = { accept: FriendAction.ACCEPT, reject: FriendAction.REJECT } as const;
const action = z
  .union([z.enum(["accept", "reject"]), z.literal(1), z.literal(2)])
  .describe("The numbers 1 accept and 2 reject are taken too");
const actionOf = (given: z.output<typeof action>): FriendAction => (typeof given === "number" ? given : actions[given]);

/** `/friends` and `/blocks` (spec 10 §8). */
export const friendEndpoints = {
  listFriends: endpoint({
    method: "get",
    path: "/friends",
    summary: "The caller's friends",
    description:
      "With `last_sync`: what changed since, oldest change first, and in `removed` who is no friend any more.",
    auth: "registered",
    query: z.object({
      last_sync: seqText.describe("Unix seconds: `serverTime` of the answer before").optional(),
      includeOnline: flag.describe("Default: true").optional(),
    }),
    answers: {
      200: z.object({ friends: z.array(friend), removed: z.array(id).exactOptional(), serverTime: seconds }),
    },
  }),
  listFriendRequests: endpoint({
    method: "get",
    path: "/friends/requests",
    summary: "Friend requests, newest first",
    auth: "registered",
    query: aliased(
      z.object({
        ...pageFields,
        type: z.enum(["received", "sent"]).default("received"),
        status: wholeNumber(0, 2).describe("0 pending, 1 accepted, 2 rejected; default: all").optional(),
      }),
      pageAliases,
    ),
    answers: { 200: z.object({ requests: z.array(friendRequest), hasMore: z.boolean() }) },
  }),
  sendFriendRequest: endpoint({
    method: "post",
    path: "/friends/requests",
    summary: "Ask somebody to be friends",
    description:
      "Who was asked by the other side already accepts by this: `conversation` is the single conversation then. After a " +
      "rejection the next request is taken 24 hours later.",
    auth: "registered",
    idempotent: true,
    limit: "friend_request",
    body: z.object({ targetUserId: id, message: text(FRIEND_MESSAGE_CHARS_MAX).optional() }),
    answers: { 201: z.object({ request: friendRequest }) },
    errors: [
      ...(["CANNOT_ADD_SELF_AS_FRIEND", "GUEST_FORBIDDEN", "BLOCKED_BY_USER", "USER_NOT_FOUND"] as const),
      ...(["FRIEND_REQUEST_ALREADY_EXISTS", "ALREADY_FRIENDS"] as const),
    ],
  }),
  handleFriendRequest: endpoint({
    method: "put",
    path: "/friends/requests/{requestId}",
    summary: "Accept or reject a friend request",
    description: "Accepting makes both friends, and their single conversation.",
    auth: "registered",
    body: z.object({ action }),
    answers: { 200: z.object({ request: friendRequest, conversation: conversation.exactOptional() }) },
    errors: ["FRIEND_REQUEST_ALREADY_HANDLED"],
  }),
  removeFriend: endpoint({
    method: "delete",
    path: "/friends/{friendId}",
    summary: "End a friendship, for both",
    auth: "registered",
    answers: { 200: null },
    notFound: ["NOT_FRIENDS"],
  }),
  setRemark: endpoint({
    method: "put",
    path: "/friends/{friendId}/remark",
    summary: "The caller's own name for a friend",
    auth: "registered",
    body: z.object({ remark: text(REMARK_CHARS_MAX) }),
    answers: { 200: friend },
    notFound: ["NOT_FRIENDS"],
  }),
  listBlocked: endpoint({
    method: "get",
    path: "/blocks",
    summary: "Whom the caller has blocked",
    auth: "registered",
    query: aliased(z.object(pageFields), pageAliases),
    answers: { 200: z.object({ blocked: z.array(friend), hasMore: z.boolean() }) },
  }),
  blockUser: endpoint({
    method: "put",
    path: "/blocks/{userId}",
    summary: "Block somebody",
    description:
      "Who is blocked can neither ask to be friends nor write in the single conversation, and does not see the caller online.",
    auth: "registered",
    answers: { 200: null },
    errors: ["INVALID_PARAMETER"],
  }),
  unblockUser: endpoint({
    method: "delete",
    path: "/blocks/{userId}",
    summary: "Lift a block",
    description: "Who was a friend when he was blocked, and has not ended it himself, is one again.",
    auth: "registered",
    answers: { 200: null },
    errors: ["INVALID_PARAMETER"],
  }),
} satisfies Endpoints;

export function friendHandlers(deps: ApiDeps): Handlers<typeof friendEndpoints> {
  return { ...listHandlers(deps), ...requestHandlers(deps), ...relationHandlers(deps) };
}

type Of<K extends keyof typeof friendEndpoints> = Pick<Handlers<typeof friendEndpoints>, K>;

function listHandlers(deps: ApiDeps): Of<"listFriends" | "listFriendRequests" | "listBlocked"> {
  const logic = deps.logic.friend;
  return {
    async listFriends(c, { query: { last_sync: lastSync, includeOnline = true } }) {
      const { userId } = c.identity;
      const request = { userId, lastSyncTime: BigInt(lastSync ?? 0), includeOnlineStatus: includeOnline };
      const answer = await logic.getFriends(request, callerOptions(c, deps));
      return ok({
        friends: answer.friends.map((one) => friendToJson(one, includeOnline)),
        serverTime: Number(answer.serverTime),
        ...(lastSync === undefined ? {} : { removed: answer.removed }),
      });
    },

    async listFriendRequests(c, { query: { page, size, type, status } }) {
      const { userId } = c.identity;
      const direction = type === "sent" ? FriendRequestType.SENT : FriendRequestType.RECEIVED;
      const wanted = status === undefined ? {} : { status: status as FriendStatus };
      const request = { userId, type: direction, page, pageSize: size, ...wanted };
      const { requests, hasMore } = await logic.getFriendRequests(request, callerOptions(c, deps));
      return ok({ requests: requests.map(friendRequestToJson), hasMore });
    },

    async listBlocked(c, { query: { page, size } }) {
      const request = { userId: c.identity.userId, page, pageSize: size };
      const { blocked, hasMore } = await logic.listBlocked(request, callerOptions(c, deps));
      return ok({ blocked: blocked.map((one) => friendToJson(one)), hasMore });
    },
  };
}

function requestHandlers(deps: ApiDeps): Of<"sendFriendRequest" | "handleFriendRequest"> {
  const logic = deps.logic.friend;
  return {
    async sendFriendRequest(c, { body: { targetUserId: targetId, message = "" } }) {
      const request = { requesterId: c.identity.userId, targetId, message };
      const answer = await logic.sendFriendRequest(request, callerOptions(c, deps));
      if (answer.request === undefined) throw new AppError("INTERNAL_ERROR");
      return created({ request: friendRequestToJson(answer.request) }, "Sent");
    },

    async handleFriendRequest(c, { params: { requestId }, body }) {
      const request = { requestId, handlerId: c.identity.userId, action: actionOf(body.action) };
      const answer = await logic.handleFriendRequest(request, callerOptions(c, deps));
      if (answer.request === undefined) throw new AppError("INTERNAL_ERROR");
      const made = answer.conversation === undefined ? {} : { conversation: conversationToJson(answer.conversation) };
      return ok({ request: friendRequestToJson(answer.request), ...made });
    },
  };
}

function relationHandlers(deps: ApiDeps): Of<"removeFriend" | "setRemark" | "blockUser" | "unblockUser"> {
  const logic = deps.logic.friend;
  return {
    async removeFriend(c, { params: { friendId } }) {
      await logic.removeFriend({ userId: c.identity.userId, friendId }, callerOptions(c, deps));
      return done("Removed");
    },

    async setRemark(c, { params: { friendId }, body: { remark } }) {
      const request = { userId: c.identity.userId, friendId, remark };
      const answer = await logic.setRemark(request, callerOptions(c, deps));
      if (answer.friend === undefined) throw new AppError("INTERNAL_ERROR");
      return ok(friendToJson(answer.friend));
    },

    async blockUser(c, { params: { userId: targetId } }) {
      await logic.blockUser({ userId: c.identity.userId, targetId }, callerOptions(c, deps));
      return done("Blocked");
    },

    async unblockUser(c, { params: { userId: targetId } }) {
      await logic.unblockUser({ userId: c.identity.userId, targetId }, callerOptions(c, deps));
      return done("Unblocked");
    },
  };
}
