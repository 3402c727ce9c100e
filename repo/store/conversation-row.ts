import type { Tables } from "#drizzle/schema.ts";
import type { Found } from "#infra/db/steps.ts";
import type {
  Conversation,
  ConversationMember,
  ConversationMemberRole,
  ConversationType,
} from "#proto/gen/gochat/common/v1/conversation_pb.ts";
import type { UserInfo } from "#proto/gen/gochat/common/v1/user_pb.ts";
import { seconds } from "./message-row.ts";

/** The columns that a `Conversation` is made of. */
export function conversationColumns({ conversations: c }: Tables) {
  return {
    id: c.id,
    type: c.type,
    name: c.name,
    avatarUrl: c.avatarUrl,
    description: c.description,
    ownerId: c.ownerId,
    memberCount: c.memberCount,
    settings: c.settings,
    lastMessageId: c.lastMessageId,
    lastSeqId: c.lastSeqId,
    lastMessageNo: c.lastMessageNo,
    lastMessageAt: c.lastMessageAt,
    membersSeq: c.membersSeq,
    isRoom: c.isRoom,
    version: c.version,
    dissolvedAt: c.dissolvedAt,
    createdAt: c.createdAt,
    updatedAt: c.updatedAt,
  } as const;
}

export type ConversationRow = Found<ReturnType<typeof conversationColumns>>;

export function memberColumns({ conversationMembers: m }: Tables) {
  return {
    conversationId: m.conversationId,
    userId: m.userId,
    role: m.role,
    muted: m.muted,
    mutedUntil: m.mutedUntil,
    pinnedAt: m.pinnedAt,
    notifyMuted: m.notifyMuted,
    hiddenBeforeSeq: m.hiddenBeforeSeq,
    joinedAt: m.joinedAt,
    updatedAt: m.updatedAt,
  } as const;
}

export type MemberRow = Found<ReturnType<typeof memberColumns>>;

export function toConversation(row: ConversationRow): Conversation {
  return {
    $typeName: "gochat.common.v1.Conversation",
    id: row.id,
    type: row.type as ConversationType,
    name: row.name ?? "",
    avatarUrl: row.avatarUrl ?? "",
    description: row.description ?? "",
    ownerId: row.ownerId?.toString() ?? "",
    memberCount: row.memberCount,
    lastMessage: undefined,
    unreadCount: 0n,
    updatedAt: seconds(row.updatedAt),
    createdAt: seconds(row.createdAt),
    settings: row.settings ?? "",
    lastSeqId: row.lastSeqId,
    lastReadSeqId: 0n,
    peer: undefined,
    myMembership: undefined,
    lastActivityAt: seconds(row.lastMessageAt),
    version: row.version,
    isRoom: row.isRoom,
    membersSeq: row.membersSeq,
    dissolvedAt: seconds(row.dissolvedAt),
  };
}

/** Without `user` only the id of the user is known. */
export function toMember(row: MemberRow, user?: UserInfo): ConversationMember {
  return {
    $typeName: "gochat.common.v1.ConversationMember",
    user: user ?? idOnly(row.userId),
    role: row.role as ConversationMemberRole,
    muted: row.muted,
    joinedAt: seconds(row.joinedAt),
    mutedUntil: seconds(row.mutedUntil),
    conversationId: row.conversationId,
    updatedAt: seconds(row.updatedAt),
    pinnedAt: seconds(row.pinnedAt),
    notifyMuted: row.notifyMuted,
    hiddenBeforeSeq: row.hiddenBeforeSeq,
  };
}

function idOnly(userId: bigint): UserInfo {
  return { $typeName: "gochat.common.v1.UserInfo", id: userId.toString(), username: "", avatarUrl: "", isGuest: false };
}
