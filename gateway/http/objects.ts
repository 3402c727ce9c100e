import { AppError } from "#proto/errors.ts";
import type { Conversation, ConversationMember } from "#proto/gen/gochat/common/v1/conversation_pb.ts";
import type { Friend, FriendRequest } from "#proto/gen/gochat/common/v1/friend_pb.ts";
import type { User } from "#proto/gen/gochat/common/v1/user_pb.ts";
import type { Announcement } from "#proto/gen/gochat/logic/v1/conversation_service_pb.ts";
import { messageToJson, userInfoToJson } from "#proto/message-json.ts";
import type {
  AnnouncementJson,
  ConversationJson,
  ConversationMemberJson,
  FriendJson,
  FriendRequestJson,
  TokensJson,
  UserJson,
} from "#proto/objects.ts";

/** From the messages of the RPCs to the JSON objects of spec 10 §2. Empty and zero fields that are optional are left out. */

export function userToJson(user: User): UserJson {
  const json: UserJson = {
    id: user.id,
    username: user.username,
    isGuest: user.isGuest,
    // Stored and HTTP value = enum value − 1.
    status: Math.max(0, user.status - 1),
    createdAt: Number(user.createdAt),
  };
  if (user.avatarUrl !== "") json.avatarUrl = user.avatarUrl;
  if (user.updatedAt !== 0n) json.updatedAt = Number(user.updatedAt);
  return json;
}

interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly expiresIn: bigint;
  readonly user?: User | undefined;
}

export function tokensToJson({ accessToken, refreshToken, expiresIn, user }: Tokens): TokensJson {
  const json: TokensJson = { accessToken, refreshToken, expiresIn: Number(expiresIn) };
  if (user !== undefined) json.user = userToJson(user);
  return json;
}

export function memberToJson(member: ConversationMember, conversationId: string): ConversationMemberJson {
  const json: ConversationMemberJson = {
    userId: member.user?.id ?? "0",
    conversationId: member.conversationId === "" ? conversationId : member.conversationId,
    role: member.role,
    muted: member.muted,
    joinedAt: Number(member.joinedAt),
  };
  if (member.muted) json.mutedUntil = Number(member.mutedUntil);
  if (member.updatedAt !== 0n) json.updatedAt = Number(member.updatedAt);
  if (member.user !== undefined && member.user.username !== "") json.user = userInfoToJson(member.user);
  return json;
}

export function conversationToJson(conversation: Conversation): ConversationJson {
  const { id, myMembership, lastMessage, peer } = conversation;
  const json: ConversationJson = {
    id,
    type: conversation.type,
    memberCount: conversation.memberCount,
    unreadCount: Number(conversation.unreadCount),
    updatedAt: Number(conversation.updatedAt),
    createdAt: Number(conversation.createdAt),
    lastActivityAt: Number(conversation.lastActivityAt),
    lastSeqId: Number(conversation.lastSeqId),
    lastReadSeqId: Number(conversation.lastReadSeqId),
    version: String(conversation.version),
  };
  if (conversation.name !== "") json.name = conversation.name;
  if (conversation.avatarUrl !== "") json.avatarUrl = conversation.avatarUrl;
  if (conversation.description !== "") json.description = conversation.description;
  if (conversation.ownerId !== "" && conversation.ownerId !== "0") json.ownerId = conversation.ownerId;
  if (conversation.dissolvedAt !== 0n) json.dissolvedAt = Number(conversation.dissolvedAt);
  const settings = settingsOf(conversation.settings);
  if (settings !== undefined) json.settings = settings;
  if (lastMessage !== undefined) json.lastMessage = messageToJson(lastMessage);
  if (peer !== undefined) addPeer(json, conversation);
  if (myMembership !== undefined) {
    json.myMembership = memberToJson(myMembership, id);
    json.pinned = myMembership.pinnedAt !== 0n;
    json.notifyMuted = myMembership.notifyMuted;
  }
  return json;
}

/** A single conversation has no own name and avatar: the peer's stand in. */
function addPeer(json: ConversationJson, { peer }: Conversation): void {
  if (peer === undefined) return;
  json.peer = userInfoToJson(peer);
  json.name ??= peer.username;
  if (peer.avatarUrl !== "") json.avatarUrl ??= peer.avatarUrl;
}

function settingsOf(text: string): Record<string, unknown> | undefined {
  if (text === "") return undefined;
  const value: unknown = JSON.parse(text);
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

export function announcementToJson({ content, authorId, updatedAt, version, pinned }: Announcement): AnnouncementJson {
  return { content, authorId, updatedAt: Number(updatedAt), version: version.toString(), pinned };
}

export function friendRequestToJson(request: FriendRequest): FriendRequestJson {
  const { id, requesterId, targetId, status } = request;
  const json: FriendRequestJson = { id, requesterId, targetId, status, createdAt: Number(request.createdAt) };
  if (request.message !== "") json.message = request.message;
  if (request.updatedAt !== 0n) json.updatedAt = Number(request.updatedAt);
  if (request.requester !== undefined) json.requester = userInfoToJson(request.requester);
  if (request.target !== undefined) json.target = userInfoToJson(request.target);
  return json;
}

/** `withPresence`: says too whether the friend is online. */
export function friendToJson(friend: Friend, withPresence = false): FriendJson {
  const { userId, friendId, status } = friend;
  const json: FriendJson = { userId, friendId, status, createdAt: Number(friend.createdAt) };
  if (friend.updatedAt !== 0n) json.updatedAt = Number(friend.updatedAt);
  if (friend.friend !== undefined) json.friend = userInfoToJson(friend.friend);
  if (friend.remark !== "") json.remark = friend.remark;
  if (withPresence) json.online = friend.online;
  if (withPresence && friend.lastSeen !== 0n) json.lastSeen = Number(friend.lastSeen);
  return json;
}

/** What an answer of logic must have. */
export function required<T>(part: T | undefined): T {
  if (part === undefined) throw new AppError("INTERNAL_ERROR");
  return part;
}
