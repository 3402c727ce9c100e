import { auditTable } from "./audit-table.ts";
import { buildTables, type TablesOf } from "./build.ts";
import { changeTables } from "./change-tables.ts";
import type { DialectName } from "./columns.ts";
import {
  binary,
  blob,
  byteString,
  char,
  defineTable,
  flag,
  id,
  int,
  key,
  nullable,
  text,
  time,
  tiny,
  varchar,
  withDefault,
} from "./define.ts";
import { draftTables } from "./draft-tables.ts";

const created = { createdAt: time(), updatedAt: time() };

/** The tables of migration 1. Indexes that no query uses are dropped by migration 4 (docs/adr/0045). */
export const foundation = {
  users: defineTable(
    "users",
    {
      id: id(),
      username: varchar(50),
      /** `usernameKey(username)` of proto/username.ts: makes the name unique without regard to case, in every dialect alike. */
      usernameKey: byteString(255),
      passwordHash: varchar(255),
      avatarUrl: nullable(varchar(255)),
      isGuest: withDefault(flag(), false),
      /** 0 normal, 1 disabled or to be reclaimed, 2 deleted. */
      status: withDefault(int(), 0),
      ...created,
    },
    {
      primaryKey: ["id"],
      unique: { uk_username: ["usernameKey"] },
      index: { idx_users_is_guest: ["isGuest", "createdAt"], idx_users_status: ["status"] },
    },
  ),

  conversations: defineTable(
    "conversations",
    {
      id: key(64),
      /** 1 single, 2 group, 3 world. */
      type: int(),
      name: nullable(varchar(100)),
      avatarUrl: nullable(varchar(255)),
      description: nullable(text()),
      ownerId: nullable(id()),
      memberCount: withDefault(int(), 0),
      settings: nullable(text()),
      lastMessageId: nullable(id()),
      lastSeqId: withDefault(id(), 0n),
      lastMessageNo: withDefault(id(), 0n),
      lastMessageAt: time(),
      membersSeq: withDefault(id(), 0n),
      isRoom: withDefault(flag(), false),
      parkedAt: nullable(time()),
      version: withDefault(id(), 1n),
      dissolvedAt: nullable(time()),
      ...created,
    },
    {
      primaryKey: ["id"],
      index: {
        idx_conversations_type_updated: ["type", "updatedAt"],
        idx_conversations_owner: ["ownerId"],
        idx_conversations_updated: ["updatedAt"],
      },
      dropped: ["idx_conversations_type_updated", "idx_conversations_owner", "idx_conversations_updated"],
    },
  ),

  conversationMembers: defineTable(
    "conversation_members",
    {
      id: id(),
      conversationId: key(64),
      userId: id(),
      /** 1 member, 2 admin, 3 owner. */
      role: withDefault(int(), 1),
      muted: withDefault(flag(), false),
      mutedUntil: nullable(time()),
      pinnedAt: nullable(time()),
      notifyMuted: withDefault(flag(), false),
      joinedSeqId: withDefault(id(), 0n),
      hiddenBeforeSeq: withDefault(id(), 0n),
      joinedAt: time(),
      ...created,
    },
    {
      primaryKey: ["id"],
      unique: { uk_members_user_conv: ["userId", "conversationId"] },
      index: {
        idx_members_conversation: ["conversationId", "userId"],
        idx_members_user_updated: ["userId", "updatedAt"],
        idx_members_role: ["conversationId", "role"],
      },
      dropped: ["idx_members_user_updated"],
    },
  ),

  messages: defineTable(
    "messages",
    {
      id: id(),
      conversationId: key(64),
      senderId: id(),
      messageType: withDefault(int(), 1),
      content: text(),
      seqId: id(),
      clientMsgId: nullable(byteString(64)),
      sendHash: nullable(binary(32)),
      /** 1 message, 2 change. */
      kind: withDefault(tiny(), 1),
      changeType: nullable(key(32)),
      targetMessageId: nullable(id()),
      messageNo: id(),
      deleted: withDefault(flag(), false),
      extra: nullable(text()),
      meta: nullable(text()),
      replyToId: nullable(id()),
      recalledBy: nullable(id()),
      recalledAt: nullable(time()),
      ...created,
    },
    {
      primaryKey: ["id"],
      unique: {
        uk_conversation_seq: ["conversationId", "seqId"],
        uk_conv_sender_client: ["conversationId", "senderId", "clientMsgId"],
      },
      index: { idx_conv_created: ["conversationId", "createdAt"], idx_sender: ["senderId", "createdAt"] },
      dropped: ["idx_conv_created", "idx_sender"],
    },
  ),

  userReadPointers: defineTable(
    "user_read_pointers",
    {
      id: id(),
      userId: id(),
      conversationId: key(64),
      lastReadSeqId: withDefault(id(), 0n),
      lastReadMessageNo: withDefault(id(), 0n),
      ...created,
    },
    {
      primaryKey: ["id"],
      unique: { uk_pointers_user_conv: ["userId", "conversationId"] },
      index: { idx_pointers_conversation: ["conversationId"] },
    },
  ),

  /** Who left or was removed, for the incremental list of the devices that were away; kept 30 days. */
  conversationRemovals: defineTable(
    "conversation_removals",
    { userId: id(), conversationId: key(64), seqId: id(), removedAt: time(), ...created },
    { primaryKey: ["userId", "conversationId"], index: { idx_removals_removed: ["removedAt"] } },
  ),

  friendshipRequests: defineTable(
    "friendship_requests",
    {
      id: id(),
      requesterId: id(),
      targetId: id(),
      /** 0 pending, 1 accepted, 2 rejected, 3 blocked, 4 removed. */
      status: withDefault(int(), 0),
      requesterRemarks: nullable(varchar(100)),
      targetRemarks: nullable(varchar(100)),
      message: nullable(text()),
      ...created,
    },
    {
      primaryKey: ["id"],
      unique: { uk_requester_target: ["requesterId", "targetId"] },
      index: {
        idx_target_status: ["targetId", "status"],
        idx_requester_status: ["requesterId", "status"],
        idx_status_created: ["status", "createdAt"],
        idx_requester_updated: ["requesterId", "updatedAt"],
      },
    },
  ),

  userSessions: defineTable(
    "user_sessions",
    {
      id: char(36),
      userId: id(),
      deviceId: nullable(varchar(64)),
      platform: nullable(varchar(16)),
      clientInfo: nullable(varchar(200)),
      ip: nullable(varchar(45)),
      refreshHash: char(64),
      refreshClaims: text(),
      prevRefreshHash: nullable(char(64)),
      rotatedAt: nullable(time()),
      refreshCount: withDefault(int(), 0),
      expiresAt: time(),
      revokedAt: nullable(time()),
      lastSeenAt: time(),
      ...created,
    },
    {
      primaryKey: ["id"],
      unique: { uk_refresh: ["refreshHash"] },
      index: { idx_sessions_user: ["userId", "revokedAt"], idx_sessions_prev: ["prevRefreshHash"] },
    },
  ),

  outbox: defineTable(
    "outbox",
    { id: id(), ranges: blob(), createdAt: time() },
    { primaryKey: ["id"], index: { idx_outbox_created: ["createdAt"] } },
  ),
} as const;

/** Every table of the domain database, in the order in which they are created. */
export const schema = { ...foundation, ...changeTables, ...auditTable, ...draftTables } as const;

export type Tables = TablesOf<typeof schema>;

/** The drizzle tables for a dialect. */
export function createTables(dialect: DialectName): Tables {
  return buildTables(dialect, schema);
}
