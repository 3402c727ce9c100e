import { z } from "zod";
import { SEQ_MAX } from "../limits.ts";
import { component } from "./components.ts";
import { conversationId, count, id, seconds, seq } from "./fields.ts";

/** The JSON objects of the API (spec 10 §2). A field that may be absent is absent, never null. */

export const userInfo = component(
  "UserInfo",
  z.object({
    id,
    username: z.string(),
    avatarUrl: z.string().exactOptional(),
    isGuest: z.boolean().exactOptional(),
  }),
);

export const user = component(
  "User",
  z.object({
    id,
    username: z.string(),
    avatarUrl: z.string().exactOptional(),
    isGuest: z.boolean(),
    status: count.describe("0 normal, 1 disabled, 2 deleted").exactOptional(),
    createdAt: seconds,
    updatedAt: seconds.exactOptional(),
  }),
);

export const fileInfo = component(
  "FileInfo",
  z.object({
    fileId: id,
    filename: z.string(),
    size: count.describe("Bytes"),
    mimeType: z.string(),
    url: z.string(),
    hash: z.string().describe("SHA-256, lower-case hex").exactOptional(),
    thumbnailUrl: z.string().exactOptional(),
    width: count.exactOptional(),
    height: count.exactOptional(),
    duration: z.number().describe("Seconds").exactOptional(),
  }),
);

export const reaction = component("Reaction", z.object({ emoji: z.string(), count, mine: z.boolean() }));

/** What every change shares. */
export const changeFields = {
  id,
  conversationId,
  seqId: seq.describe("Of the change itself"),
  operatorId: id,
  clientMsgId: z.string().exactOptional(),
  createdAt: seconds,
};

export const change = component(
  "Change",
  z.looseObject(changeFields),
  "The data of the change's own frame: which fields it has besides depends on `changeType`",
);

export const reply = component(
  "Reply",
  z.object({ messageId: id, seqId: seq, senderId: id, preview: z.string().describe("At most 100 characters") }),
);

export const forwarded = component("Forwarded", z.object({ messageId: id, conversationId, senderId: id }));

export const messageKind = z.enum(["message", "change"]);

export const message = component(
  "Message",
  z.object({
    id,
    conversationId,
    senderId: id,
    sender: userInfo.exactOptional(),
    messageType: count.describe("1 text, 2 image, 3 file, 4 system, 5 voice, 6 video"),
    content: z.string(),
    seqId: seq,
    kind: messageKind,
    clientMsgId: z.string().exactOptional(),
    deleted: z.boolean().exactOptional(),
    extra: z.string().describe("JSON text, as the client sent it").exactOptional(),
    createdAt: seconds,
    updatedAt: seconds.exactOptional(),
    changeType: z
      .string()
      .describe(
        "Of a change: recall, edit, reaction, pin, unpin, member_added, member_removed, member_left, member_role, " +
          "member_mute, info_updated, room_mode, dissolved; ignore others",
      )
      .exactOptional(),
    targetMessageId: id.exactOptional(),
    targetSeqId: seq.exactOptional(),
    change: change.exactOptional(),
    file: fileInfo.exactOptional(),
    editedAt: seconds.exactOptional(),
    reactions: z.array(reaction).exactOptional(),
    mentions: z.array(id).exactOptional(),
    replyTo: reply.exactOptional(),
    forwardedFrom: forwarded.exactOptional(),
    recalledBy: id.exactOptional(),
    recalledAt: seconds.exactOptional(),
  }),
  "One row of a conversation's stream: a message, or a change",
);

export const conversationMember = component(
  "ConversationMember",
  z.object({
    userId: id,
    conversationId,
    role: count.describe("1 member, 2 admin, 3 owner"),
    muted: z.boolean(),
    mutedUntil: seconds.describe("Unix seconds; 0 = no end when muted").exactOptional(),
    joinedAt: seconds,
    updatedAt: seconds.exactOptional(),
    user: userInfo.exactOptional(),
  }),
);

export const announcement = component(
  "Announcement",
  z.object({ content: z.string(), authorId: id, updatedAt: seconds, version: z.string(), pinned: z.boolean() }),
);

export const conversation = component(
  "Conversation",
  z.object({
    id: conversationId,
    type: count.describe("1 single, 2 group, 3 world"),
    name: z.string().exactOptional(),
    avatarUrl: z.string().exactOptional(),
    description: z.string().exactOptional(),
    ownerId: id.exactOptional(),
    memberCount: count,
    settings: z.record(z.string(), z.unknown()).exactOptional(),
    lastMessage: message.describe("Without `reactions`").exactOptional(),
    unreadCount: count.exactOptional(),
    updatedAt: seconds,
    createdAt: seconds.exactOptional(),
    myMembership: conversationMember.exactOptional(),
    version: z.string().describe("Opaque").exactOptional(),
    lastActivityAt: seconds.exactOptional(),
    lastSeqId: seq.exactOptional(),
    lastReadSeqId: seq.exactOptional(),
    peer: userInfo.describe("The other side of a single conversation").exactOptional(),
    pinned: z.boolean().exactOptional(),
    notifyMuted: z.boolean().exactOptional(),
    announcement: announcement.describe("Of one conversation alone, not in lists").exactOptional(),
    dissolvedAt: seconds.describe("Of a dissolved group: it can be read, nobody writes in it").exactOptional(),
    members: z.array(conversationMember).exactOptional(),
  }),
);

export const draft = component(
  "Draft",
  z.object({
    conversationId,
    content: z.string().describe("Empty: removed"),
    replyToMessageId: id.exactOptional(),
    updatedAt: seconds,
    version: z
      .int()
      .min(0)
      .max(SEQ_MAX)
      .describe("Grows with every change of this draft: of two, the higher one is right"),
  }),
  "A text begun and not sent: one per user and conversation",
);

export const tokens = component(
  "Tokens",
  z.object({
    accessToken: z.string(),
    refreshToken: z.string(),
    expiresIn: seconds.describe("Unix seconds: the time at which the access token expires, not a duration"),
    user: user.exactOptional(),
  }),
);

export const loginSession = component(
  "LoginSession",
  z.object({
    sessionId: z.uuid(),
    deviceId: z.string().exactOptional(),
    platform: z.string().exactOptional(),
    ip: z.string().exactOptional(),
    clientInfo: z.string().exactOptional(),
    createdAt: seconds,
    lastSeen: seconds,
    current: z.boolean().describe("The session of the token that asks"),
    online: z.boolean().describe("It has an open socket"),
  }),
);

export const friendRequest = component(
  "FriendRequest",
  z.object({
    id,
    requesterId: id,
    targetId: id,
    status: count.describe("0 pending, 1 accepted, 2 rejected, 3 blocked"),
    message: z.string().exactOptional(),
    createdAt: seconds,
    updatedAt: seconds.exactOptional(),
    requester: userInfo.exactOptional(),
    target: userInfo.exactOptional(),
  }),
);

export const friend = component(
  "Friend",
  z.object({
    userId: id,
    friendId: id,
    status: count.describe("1 friends, 3 blocked"),
    createdAt: seconds,
    updatedAt: seconds.exactOptional(),
    friend: userInfo.exactOptional(),
    remark: z.string().exactOptional(),
    online: z.boolean().exactOptional(),
    lastSeen: seconds.exactOptional(),
  }),
);

export const joinRequest = component(
  "JoinRequest",
  z.object({
    id,
    conversationId,
    userId: id,
    message: z.string().exactOptional(),
    status: count.describe("1 pending, 2 accepted, 3 rejected"),
    handledBy: id.exactOptional(),
    createdAt: seconds,
  }),
);

export const history = component(
  "History",
  z.object({
    messages: z.array(message),
    nextCursor: seq.exactOptional(),
    hasMore: z.boolean(),
    latestSeqId: seq.exactOptional(),
    completeFrom: seq.exactOptional(),
    completeTo: seq.exactOptional(),
  }),
  "A page of history. Every row between `completeFrom` and `completeTo`, both inclusive, that the caller may see is in " +
    "it; absent on filtered pages; completeTo < completeFrom = complete for nothing",
);

/** The error envelope (spec 10 §1). */
export const error = component(
  "Error",
  z.object({
    success: z.literal(false),
    message: z.string().describe("For people; clients decide on `code`"),
    code: z.string(),
    traceId: z.string().exactOptional(),
    details: z.record(z.string(), z.unknown()).exactOptional(),
  }),
);
