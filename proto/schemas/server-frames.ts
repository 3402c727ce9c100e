import { z } from "zod";
import { component } from "./components.ts";
import { conversationId, count, id, seconds, seq } from "./fields.ts";
import { changeFields, draft, fileInfo, forwarded, friend, message, reply, userInfo } from "./objects.ts";

/** `data` of the frames that the server sends, by type (spec 20 §5). `changeFields` are in those that are a change. */

const milliseconds = z.int().min(0).describe("Milliseconds");
const unixMs = z.int().min(0).describe("Unix milliseconds");
const target = { messageId: id, targetSeqId: seq };

const updated = {
  changed: z.array(z.string()),
  conversation: z.record(z.string(), z.unknown()).describe("The changed fields").exactOptional(),
  room: z.boolean().exactOptional(),
  reason: z.string().exactOptional(),
  pinned: z.boolean().exactOptional(),
  messageId: id.exactOptional(),
  targetSeqId: seq.exactOptional(),
};

export const synced = component(
  "SyncedConversation",
  z.object({
    id: conversationId,
    messages: z.array(message),
    completeFrom: seq,
    completeTo: seq,
    latestSeqId: seq,
    hasMore: z.boolean(),
    error: z.string().describe("Name of an error").exactOptional(),
  }),
);

export const serverFrames = {
  connected: z.object({
    sessionId: z.string(),
    userId: id,
    gatewayId: z.string(),
    heartbeatSeconds: count,
    serverTimeMs: unixMs,
    limits: z.object({ maxFrameBytes: count, maxContentChars: count, sendPerSecond: count, bytesPerSecond: count }),
  }),
  "new-message": z.object({
    id,
    conversationId,
    sender: userInfo,
    content: z.string(),
    messageType: count,
    seqId: seq,
    createdAt: seconds,
    clientMsgId: z.string().exactOptional(),
    extra: z.string().exactOptional(),
    replyTo: reply.exactOptional(),
    mentions: z.array(id).exactOptional(),
    file: fileInfo.exactOptional(),
    forwardedFrom: forwarded.exactOptional(),
  }),
  "new-messages": z.object({
    conversationId,
    messages: z.array(message),
    missed: z.object({ fromSeq: seq, toSeq: seq }).exactOptional(),
  }),
  "message-ack": z.object({
    client_msg_id: z.string(),
    messageId: id.exactOptional(),
    status: z.enum(["success", "failed"]),
    seqId: seq.exactOptional(),
    conversationId: conversationId.exactOptional(),
    createdAt: seconds.exactOptional(),
    code: z.string().describe("With `failed`").exactOptional(),
    message: z.string().exactOptional(),
    duplicate: z.boolean().exactOptional(),
  }),
  "online-status": z.object({
    userId: id,
    status: z.enum(["online", "offline"]),
    lastSeen: seconds.exactOptional(),
  }),
  pong: z.object({ serverTimeMs: unixMs }),
  error: z.object({
    code: z.string(),
    message: z.string(),
    details: z.record(z.string(), z.unknown()).exactOptional(),
  }),
  "conversation-updated": z.union([
    z.object({ ...changeFields, ...updated }),
    z
      .object({ conversationId, ...updated })
      .describe(
        "No change of the stream: `created`, and what the user decided for himself on any device (`pinned`, `notifyMuted`, " +
          "`hidden`)",
      ),
  ]),
  "member-added": z.object({
    ...changeFields,
    members: z.array(
      z.object({ userId: id, username: z.string(), role: count.describe("1 member, 2 admin, 3 owner") }),
    ),
    memberCount: count,
  }),
  "member-removed": z.object({
    ...changeFields,
    userIds: z.array(id),
    reason: z.enum(["removed", "left"]),
    memberCount: count,
  }),
  "member-updated": z.object({
    ...changeFields,
    userId: id,
    role: count.describe("1 member, 2 admin, 3 owner").exactOptional(),
    muted: z.boolean().exactOptional(),
    mutedUntil: seconds.exactOptional(),
  }),
  "typing-indicator": z.object({ conversationId, userId: id, typing: z.boolean() }),
  "message-recalled": z.object({ ...changeFields, ...target, recalledAt: seconds }),
  "message-edited": z.object({ ...changeFields, ...target, content: z.string(), editedAt: seconds }),
  "message-reaction": z.object({
    ...changeFields,
    ...target,
    userId: id,
    emoji: z.string(),
    removed: z.boolean(),
    count: count.describe("Users with this emoji after the change"),
  }),
  "message-read": z.object({ conversationId, userId: id, lastReadSeqId: seq }),
  "draft-updated": draft,
  "friend-request": z.object({
    requestId: id,
    requester: userInfo,
    message: z.string().exactOptional(),
    event: z.enum(["received", "accepted", "rejected"]),
  }),
  "friend-added": z.object({ friend, conversationId }),
  "friend-removed": z.object({ userId: id }),
  notification: z.object({
    id: z.string(),
    type: z.string(),
    payload: z.record(z.string(), z.unknown()),
    createdAt: seconds,
  }),
  "sync-result": z.object({ conversations: z.array(synced), done: z.boolean() }),
  "read-ack": z.object({ conversationId, lastReadSeqId: seq, unreadCount: count }),
  "auth-refreshed": z.object({ expiresIn: seconds.describe("Unix seconds: a time, not a duration") }),
  missed: z.object({ conversationId, fromSeq: seq, toSeq: seq }),
  resync: z.object({ conversationIds: z.array(conversationId).describe("Absent: all").exactOptional() }),
  "server-draining": z.object({ reconnectAfterMs: milliseconds }),
} as const satisfies Readonly<Record<string, z.ZodType>>;
