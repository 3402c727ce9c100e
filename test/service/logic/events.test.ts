import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { isAppError } from "../../../proto/errors.ts";
import { ConversationMemberRole, ConversationType } from "../../../proto/gen/gochat/common/v1/conversation_pb.ts";
import { MessageType } from "../../../proto/gen/gochat/common/v1/message_pb.ts";
import type { ConversationEvent } from "../../../proto/gen/gochat/mq/v1/conversation_event_pb.ts";
import type { FriendEvent } from "../../../proto/gen/gochat/mq/v1/friend_event_pb.ts";
import type { MessageEvent } from "../../../proto/gen/gochat/mq/v1/message_event_pb.ts";
import type { NotificationEvent } from "../../../proto/gen/gochat/mq/v1/notification_event_pb.ts";
import { topics } from "../../../proto/topics.ts";
import { type Chat, collect, openChat, until } from "./chat-fixture.ts";

type Told = ConversationEvent | MessageEvent | FriendEvent | NotificationEvent;

let chat: Chat;
let told: Told[];
let ids: { ann: string; bob: string; cal: string; dan: string; group: string; message: string };
beforeEach(async () => {
  chat = await openChat();
  const [ann, bob, cal, dan] = [
    await chat.addUser("ann"),
    await chat.addUser("bob"),
    await chat.addUser("cal"),
    await chat.addUser("dan"),
  ];
  const asked = { creatorId: ann, type: ConversationType.GROUP, name: "g", memberIds: [bob, cal] };
  const group = (await chat.conversation.createConversation(asked)).conversation?.id ?? "";
  const send = { conversationId: group, userId: ann, content: "x", type: MessageType.TEXT, clientMsgId: "first" };
  const message = (await chat.message.sendMessage(send)).message?.id ?? "";
  ids = { ann, bob, cal, dan, group, message };
  // What follows is told; what was told before is not looked at.
  told = [];
  await collect<Told>(chat.mq, topics.conversationEvents as never, told);
  await collect<Told>(chat.mq, topics.messageEvents as never, told);
  await collect<Told>(chat.mq, topics.friendEvents as never, told);
  await collect<Told>(chat.mq, topics.notifications as never, told);
});
afterEach(() => chat[Symbol.asyncDispose]());

interface Expected {
  readonly type: string;
  readonly payload: object;
  /** Of the change in the stream; absent where the event has none. */
  readonly seqId?: bigint;
  /** Of the event itself. */
  readonly fields?: object;
}

interface Kind {
  readonly does: () => Promise<unknown>;
  readonly tells: () => readonly Expected[];
}

const member = (userId: string) => BigInt(userId);
const inGroup = () => ({ conversationId: ids.group, operatorId: ids.ann });

/** One entry per kind of event that a change or a send has (spec 50 §3). */
const kinds: Readonly<Record<string, Kind>> = {
  "conversation.member.added and conversation.invited": {
    does: () => chat.conversation.addMembers({ ...inGroup(), userIds: [ids.dan] }),
    tells: () => [
      {
        type: "conversation.member.added",
        seqId: 2n,
        payload: { case: "memberAdded", value: { addedUserIds: [member(ids.dan)], addedBy: member(ids.ann) } },
      },
      {
        type: "conversation.invited",
        payload: {
          case: "conversationInvited",
          value: {
            conversationId: ids.group,
            name: "g",
            type: ConversationType.GROUP,
            inviterId: member(ids.ann),
          },
        },
      },
    ],
  },
  "conversation.member.removed, one per person": {
    does: () => chat.conversation.removeMembers({ ...inGroup(), userIds: [ids.bob, ids.cal] }),
    tells: () =>
      [ids.bob, ids.cal].map((userId) => ({
        type: "conversation.member.removed",
        seqId: 2n,
        payload: {
          case: "memberRemoved",
          value: { removedUserId: member(userId), removedBy: member(ids.ann), reason: "removed" },
        },
      })),
  },
  "conversation.member.removed of somebody who left": {
    does: () => chat.conversation.leaveConversation({ conversationId: ids.group, userId: ids.bob }),
    tells: () => [
      {
        type: "conversation.member.removed",
        seqId: 2n,
        payload: {
          case: "memberRemoved",
          value: { removedUserId: member(ids.bob), removedBy: member(ids.bob), reason: "left" },
        },
      },
    ],
  },
  "conversation.member.role.updated, of both when the group changes hands": {
    does: () =>
      chat.conversation.updateMemberRole({
        ...inGroup(),
        targetUserId: ids.bob,
        newRole: ConversationMemberRole.OWNER,
      }),
    tells: () => [
      {
        type: "conversation.member.role.updated",
        seqId: 2n,
        payload: {
          case: "memberRoleUpdated",
          value: {
            userId: member(ids.bob),
            oldRole: ConversationMemberRole.MEMBER,
            newRole: ConversationMemberRole.OWNER,
          },
        },
      },
      {
        type: "conversation.member.role.updated",
        seqId: 3n,
        payload: {
          case: "memberRoleUpdated",
          value: {
            userId: member(ids.ann),
            oldRole: ConversationMemberRole.OWNER,
            newRole: ConversationMemberRole.ADMIN,
          },
        },
      },
    ],
  },
  "conversation.member.muted": {
    does: () => chat.conversation.muteMember({ ...inGroup(), targetUserId: ids.bob, muted: true }),
    tells: () => [
      {
        type: "conversation.member.muted",
        seqId: 2n,
        payload: { case: "memberMuted", value: { userId: member(ids.bob), muted: true, mutedUntilMs: 0n } },
      },
    ],
  },
  "conversation.info.updated, with what was there before": {
    does: () =>
      chat.conversation.updateConversation({
        conversationId: ids.group,
        userId: ids.ann,
        name: "h",
        settings: '{"mute_all":true}',
        updateMask: ["name", "settings"],
      }),
    tells: () => [
      {
        type: "conversation.info.updated",
        seqId: 2n,
        payload: {
          case: "infoUpdated",
          value: {
            updatedFields: ["name", "settings"],
            oldValues: { name: "g", settings: "{}" },
            newValues: { name: "h", settings: '{"mute_all":true}' },
          },
        },
      },
    ],
  },
  "conversation.announcement.updated": {
    does: () => chat.conversation.setAnnouncement({ conversationId: ids.group, userId: ids.ann, content: "read this" }),
    tells: () => [
      {
        type: "conversation.announcement.updated",
        seqId: 2n,
        payload: { case: "announcementUpdated", value: { announcementId: expect.any(BigInt) } },
      },
    ],
  },
  "conversation.dissolved": {
    does: () => chat.conversation.deleteConversation({ conversationId: ids.group, userId: ids.ann, reason: "done" }),
    tells: () => [
      { type: "conversation.dissolved", seqId: 2n, payload: { case: "dissolved", value: { reason: "done" } } },
    ],
  },
  "conversation.pinned, on and off": {
    async does() {
      await chat.conversation.pinMessage({ operatorId: ids.ann, messageId: ids.message });
      await chat.conversation.unpinMessage({ operatorId: ids.ann, messageId: ids.message });
    },
    tells: () =>
      [false, true].map((removed, at) => ({
        type: "conversation.pinned",
        seqId: BigInt(2 + at),
        payload: { case: "pinned", value: { messageId: BigInt(ids.message), removed } },
      })),
  },
  "message.edited": {
    does: () => chat.message.editMessage({ operatorId: ids.ann, messageId: ids.message, content: "y" }),
    tells: () => [
      { type: "message.edited", payload: { case: "edited", value: { messageId: BigInt(ids.message), seqId: 2n } } },
    ],
  },
  "message.recalled": {
    does: () => chat.message.recallMessage({ operatorId: ids.ann, messageId: ids.message, reason: "typo" }),
    tells: () => [
      {
        type: "message.recalled",
        payload: { case: "recalled", value: { messageId: BigInt(ids.message), seqId: 2n, reason: "typo" } },
      },
    ],
  },
  "message.read": {
    does: () => chat.conversation.markAsRead({ userId: ids.bob, conversationId: ids.group, seqId: 1n }),
    tells: () => [
      {
        type: "message.read",
        payload: { case: "read", value: { fromSeq: 0n, seqId: 1n, messageId: BigInt(ids.message) } },
      },
    ],
  },
  "message.send.failed, refused before and by the database": {
    async does() {
      const send = { conversationId: ids.group, type: MessageType.TEXT };
      await refused(chat.message.sendMessage({ ...send, userId: ids.ann, content: "", clientMsgId: "empty" }));
      await refused(chat.message.sendMessage({ ...send, userId: ids.dan, content: "x", clientMsgId: "stranger" }));
    },
    tells: () => [
      {
        type: "message.send.failed",
        payload: { case: "sendFailed", value: { clientMsgId: "empty", errorCode: "MESSAGE_EMPTY" } },
      },
      {
        type: "message.send.failed",
        payload: { case: "sendFailed", value: { clientMsgId: "stranger", errorCode: "NOT_CONVERSATION_MEMBER" } },
      },
    ],
  },
  "friend.request.sent, .received, and friend.request.new": {
    does: () => asked(ids.bob, ids.cal),
    tells: () => [
      friendly("friend.request.sent", ids.bob, ids.cal, "hi"),
      friendly("friend.request.received", ids.cal, ids.bob, "hi"),
      {
        type: "friend.request.new",
        payload: { case: "friendRequestNew", value: { requesterId: member(ids.bob), message: "hi" } },
      },
    ],
  },
  "friend.request.accepted, friend.added for both, friend.removed": {
    async does() {
      const requestId = await asked(ids.bob, ids.cal);
      await until("the request", () => told.length === 3);
      told.length = 0;
      await chat.friend.handleFriendRequest({ requestId, handlerId: ids.cal, action: 1 });
      await chat.friend.removeFriend({ userId: ids.bob, friendId: ids.cal });
    },
    tells: () => [
      friendly("friend.request.accepted", ids.cal, ids.bob, "hi"),
      friendly("friend.added", ids.bob, ids.cal, "hi"),
      friendly("friend.added", ids.cal, ids.bob, "hi"),
      friendly("friend.removed", ids.bob, ids.cal, ""),
    ],
  },
  "friend.request.rejected": {
    async does() {
      const requestId = await asked(ids.bob, ids.cal);
      await until("the request", () => told.length === 3);
      told.length = 0;
      await chat.friend.handleFriendRequest({ requestId, handlerId: ids.cal, action: 2 });
    },
    tells: () => [friendly("friend.request.rejected", ids.cal, ids.bob, "hi")],
  },
  "conversation.created, and conversation.invited for everybody but its creator": {
    does: () =>
      chat.conversation.createConversation({
        creatorId: ids.bob,
        type: ConversationType.GROUP,
        name: "new",
        memberIds: [ids.cal, ids.dan],
      }),
    tells: () => [
      {
        type: "conversation.created",
        seqId: 0n,
        payload: { case: "created", value: { type: ConversationType.GROUP, name: "new" } },
      },
      ...[ids.cal, ids.dan].map(() => ({
        type: "conversation.invited",
        payload: { case: "conversationInvited", value: { name: "new", inviterId: member(ids.bob) } },
      })),
    ],
  },
};

async function asked(requesterId: string, targetId: string): Promise<string> {
  const { request } = await chat.friend.sendFriendRequest({ requesterId, targetId, message: "hi" });
  return request?.id ?? "";
}

function friendly(type: string, userId: string, friendId: string, message: string): Expected {
  return { type, payload: { message }, fields: { userId: member(userId), friendId: member(friendId) } };
}

async function refused(call: Promise<unknown>): Promise<void> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isAppError(error)) throw new Error("it was not refused");
}

describe("spec 50 §3: what is stored is told", () => {
  test.each(Object.entries(kinds))("%s", async (_, { does, tells }) => {
    await does();
    const expected = tells();
    await until("the events", () => told.length >= expected.length);
    // One topic's partition has an order, several have none.
    const sorted = told.toSorted((a, b) => order(a) - order(b));
    expect(sorted.map(({ eventType }) => eventType)).toEqual(expected.map(({ type }) => type));
    for (const [at, { payload, seqId, fields = {} }] of expected.entries()) {
      const event = sorted[at];
      expect(event?.payload).toMatchObject(payload);
      expect(event?.eventId).toMatch(/^[0-9a-f-]{36}$/);
      expect(Number(event?.timestampMs)).toBeWithin(Date.now() - 60_000, Date.now() + 1);
      expect(event).toMatchObject(seqId === undefined ? fields : { seqId, ...fields });
    }
  });

  const order = ({ eventType }: Told): number =>
    eventType === "conversation.invited" || eventType === "friend.request.new" ? 1 : 0;

  test("a repeat under the same id, and what changes nothing, tells nothing", async () => {
    const added = { ...inGroup(), userIds: [ids.dan], clientMsgId: "once" };
    await chat.conversation.addMembers(added);
    await chat.conversation.addMembers(added);
    const muted = { ...inGroup(), targetUserId: ids.bob, muted: false };
    await chat.conversation.muteMember(muted);
    await chat.stopLogic();
    await until("all that was sent", () => told.length >= 2);
    expect(told.map(({ eventType }) => eventType).toSorted()).toEqual([
      "conversation.invited",
      "conversation.member.added",
    ]);
  });

  test("whoever asked to be let in is added, and not told to have been invited", async () => {
    const settings = '{"join_approval_required":true}';
    const info = { conversationId: ids.group, userId: ids.ann, settings, updateMask: ["settings"] };
    await chat.conversation.updateConversation(info);
    const { request } = await chat.conversation.requestJoin({ userId: ids.dan, conversationId: ids.group });
    await chat.conversation.handleJoinRequest({ userId: ids.ann, requestId: request?.id ?? "", action: 1 });
    await chat.stopLogic();
    await until("both", () => told.length >= 2);
    expect(told.map(({ eventType }) => eventType)).toEqual(["conversation.info.updated", "conversation.member.added"]);
  });

  test("a send that is stored tells the feed alone", async () => {
    const send = { conversationId: ids.group, userId: ids.ann, content: "y", type: MessageType.TEXT };
    await chat.message.sendMessage({ ...send, clientMsgId: "second" });
    await chat.stopLogic();
    expect(told).toEqual([]);
  });
});
