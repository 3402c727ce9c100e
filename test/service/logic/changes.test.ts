import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { isAppError } from "../../../proto/errors.ts";
import { type Message, MessageType } from "../../../proto/gen/gochat/common/v1/message_pb.ts";
import type { CreateConversationRequestSchema } from "../../../proto/gen/gochat/logic/v1/conversation_service_pb.ts";
import type { MessageEvent } from "../../../proto/gen/gochat/mq/v1/message_event_pb.ts";
import type { FanoutTask, PersistenceMessage } from "../../../proto/gen/gochat/mq/v1/stored_pb.ts";
import { topics } from "../../../proto/topics.ts";
import { type Chat, collect, openChat, until } from "./chat-fixture.ts";

let chat: Chat;
let ann: string;
let bob: string;
let single: string;
let group: string;
beforeEach(async () => {
  chat = await openChat();
  [ann, bob] = [await chat.addUser("ann"), await chat.addUser("bob")];
  single = await made({ creatorId: ann, type: 1, memberIds: [bob] });
  group = await made({ creatorId: ann, type: 2, name: "g", memberIds: [bob] });
});
afterEach(() => chat[Symbol.asyncDispose]());

async function made(request: MessageInitShape<typeof CreateConversationRequestSchema>): Promise<string> {
  return (await chat.conversation.createConversation(request)).conversation?.id ?? "";
}

async function send(conversationId: string, userId: string, content: string, fields = {}): Promise<Message> {
  const request = { conversationId, userId, content, type: MessageType.TEXT, clientMsgId: Bun.randomUUIDv7() };
  const { message } = await chat.message.sendMessage({ ...request, ...fields });
  if (message === undefined) throw new Error("not sent");
  return message;
}

async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "nothing";
  } catch (error) {
    return isAppError(error) ? error.code : String(error);
  }
}

const pushed = () =>
  chat.downstream.flatMap(({ items }) =>
    items.flatMap(({ body, target }) =>
      body.case === "push" && target.case === "users"
        ? body.value.rows.map(({ message }) => [message?.changeType, message?.seqId, target.value.userIds])
        : [],
    ),
  );
const outboxRows = async () => (await chat.repo.outbox.listOutbox({ olderThanMs: 0n, limit: 500 })).rows.length;

describe("a change travels as a send does (DESIGN §2)", () => {
  test("pushed to every session of every member, the operator's own too; fed; its outbox row deleted", async () => {
    const fed: PersistenceMessage[] = [];
    await collect(chat.mq, topics.persist, fed);
    for (const user of [ann, bob]) await chat.connect(user);
    const { id } = await send(group, ann, "x");
    const { message, changeSeqId, duplicate } = await chat.message.recallMessage({ operatorId: ann, messageId: id });
    expect([message?.deleted, changeSeqId, duplicate]).toEqual([true, 2n, false]);
    await until("the push and the feed", () => pushed().length === 2 && fed.length === 2);
    expect(pushed()[1]).toEqual(["recall", 2n, [BigInt(ann), BigInt(bob)]]);
    expect(fed[1]?.rows[0]).toMatchObject({ seqId: 2n, changeType: "recall", targetMessageId: BigInt(id) });
    await chat.stopLogic();
    expect(await outboxRows()).toBe(0);
  });

  test("spec 50 §3: recall and edit are told as message events, of the seq of the change", async () => {
    const events: MessageEvent[] = [];
    await collect(chat.mq, topics.messageEvents, events);
    const { id } = await send(group, ann, "x");
    await chat.message.editMessage({ operatorId: ann, messageId: id, content: "y" });
    await chat.message.addReaction({ operatorId: bob, messageId: id, emoji: "👍" });
    await chat.message.recallMessage({ operatorId: ann, messageId: id, reason: "typo" });
    await until("both events", () => events.length === 2);
    expect(events).toMatchObject([
      {
        eventType: "message.edited",
        operatorId: BigInt(ann),
        payload: { value: { messageId: BigInt(id), seqId: 2n } },
      },
      { eventType: "message.recalled", payload: { value: { seqId: 4n, reason: "typo" } } },
    ]);
  });

  test("of a room by the fan-out", async () => {
    const tasks: FanoutTask[] = [];
    await collect(chat.mq, topics.fanout, tasks);
    const { id } = await send("world", ann, "x");
    await chat.message.addReaction({ operatorId: bob, messageId: id, emoji: "👍" });
    await until("both rows", () => tasks.length === 2);
    expect(tasks[1]?.rows[0]?.message?.change).toMatchObject({ case: "reaction", value: { emoji: "👍" } });
  });

  test("a repeat and a change of nothing push nothing", async () => {
    await chat.connect(bob);
    const { id } = await send(group, ann, "x");
    const react = () => chat.message.addReaction({ operatorId: bob, messageId: id, emoji: "👍", clientMsgId: "r" });
    expect(await react()).toMatchObject({ changeSeqId: 2n, duplicate: false });
    expect(await react()).toMatchObject({ changeSeqId: 2n, duplicate: true });
    const other = { operatorId: bob, messageId: id, emoji: "👍" };
    expect(await chat.message.addReaction(other)).toMatchObject({ changeSeqId: 0n, duplicate: false });
    await chat.message.removeReaction(other);
    await until("three pushes", () => pushed().length === 3);
    expect(pushed().map(([type]) => type)).toEqual(["", "reaction", "reaction"]);
  });

  test("a stop of logic finishes the produces of what it answered", async () => {
    await chat.connect(bob);
    const { id } = await send(group, ann, "x");
    await chat.message.editMessage({ operatorId: ann, messageId: id, content: "y" });
    await chat.stopLogic();
    await until("both pushes", () => pushed().length === 2);
    expect(await outboxRows()).toBe(0);
  });
});

describe("messages (spec 10 §7)", () => {
  test("GetMessage: with my reactions; MESSAGE_NOT_FOUND for strangers and unknown ids", async () => {
    const { id } = await send(group, ann, "x");
    await chat.message.addReaction({ operatorId: bob, messageId: id, emoji: "👍" });
    const { message } = await chat.message.getMessage({ userId: bob, messageId: id });
    expect(message?.reactions).toMatchObject([{ emoji: "👍", count: 1, mine: true }]);
    const eve = await chat.addUser("eve");
    for (const [userId, messageId] of [
      [eve, id],
      [ann, "5"],
      [ann, "x"],
    ] as const) {
      expect(await codeOf(chat.message.getMessage({ userId, messageId }))).toBe("MESSAGE_NOT_FOUND");
    }
  });

  test("a reply shows at most 100 characters of what it answers, and mentions travel", async () => {
    const target = await send(group, ann, "x".repeat(150));
    const reply = await send(group, bob, "yes", { replyToMessageId: target.id, mentions: [ann] });
    expect(reply.replyTo).toMatchObject({ messageId: target.id, seqId: 1n, senderId: ann, preview: "x".repeat(100) });
    expect(reply.mentions).toEqual([ann]);
  });

  test("edit: each refusal of a text by its name", async () => {
    const { id } = await send(group, ann, "x");
    const edit = (content: string, fields = {}) =>
      codeOf(chat.message.editMessage({ operatorId: ann, messageId: id, content, ...fields }));
    expect(await edit("")).toBe("MESSAGE_EMPTY");
    expect(await edit("x".repeat(5001))).toBe("MESSAGE_TOO_LONG");
    expect(await edit("\0")).toBe("INVALID_MESSAGE_FORMAT");
    expect(await edit("y", { version: 5n })).toBe("VERSION_CONFLICT");
    expect(await edit("y", { operatorId: bob })).toBe("INSUFFICIENT_PERMISSION");
    expect(await edit("y", { clientMsgId: "ü" })).toBe("INVALID_PARAMETER");
    expect(await edit("y", { messageId: "x" })).toBe("MESSAGE_NOT_FOUND");
    expect(await edit("y")).toBe("nothing");
  });

  test("the recall window is a hot setting", async () => {
    const { id } = await send(group, bob, "x");
    Object.assign(chat.config.message, { recallWindow: 0 });
    await Bun.sleep(5);
    const recall = (operatorId: string) => chat.message.recallMessage({ operatorId, messageId: id });
    expect(await codeOf(recall(bob))).toBe("RECALL_TIME_EXCEEDED");
    Object.assign(chat.config.message, { recallWindow: 60_000 });
    expect(await codeOf(recall(bob))).toBe("nothing");
  });

  test("pins: listed with their messages, for members only", async () => {
    const { id } = await send(single, ann, "x");
    const { pins } = await chat.conversation.pinMessage({ operatorId: bob, messageId: id });
    expect(pins).toMatchObject([{ messageId: id, seqId: 1n, pinnedBy: bob }]);
    const listed = await chat.conversation.listPins({ operatorId: ann, conversationId: single });
    expect(listed.pins[0]?.message?.content).toBe("x");
    const eve = await chat.addUser("eve");
    const asked = chat.conversation.listPins({ operatorId: eve, conversationId: single });
    expect(await codeOf(asked)).toBe("NOT_CONVERSATION_MEMBER");
    expect((await chat.conversation.unpinMessage({ operatorId: ann, messageId: id })).pins).toEqual([]);
  });

  test("history without tombstones and changes", async () => {
    const { id } = await send(group, ann, "x");
    await send(group, ann, "y");
    await chat.message.recallMessage({ operatorId: ann, messageId: id });
    const seqs = async (fields: object) => {
      const request = { userId: bob, conversationId: group, ascending: true, ...fields };
      return (await chat.conversation.getMessages(request)).messages.map(({ seqId }) => Number(seqId));
    };
    expect(await seqs({})).toEqual([1, 2, 3]);
    expect(await seqs({ excludeDeleted: true, excludeChanges: true })).toEqual([2]);
  });
});

describe("forward (spec 10 §7)", () => {
  const forward = (messageId: string, targetConversationIds: string[], fields = {}) =>
    chat.message.forwardMessage({ userId: bob, messageId, targetConversationIds, clientMsgId: "f", ...fields });

  test("one message per target under its own id; a target that refuses is told, the others go on", async () => {
    const { id } = await send(single, ann, "news", { extra: '{"a":1}' });
    const { messages, failed } = await forward(id, ["world", "group_9", group]);
    expect(messages.map(({ conversationId, clientMsgId, content }) => [conversationId, clientMsgId, content])).toEqual([
      ["world", "f:1", "news"],
      [group, "f:3", "news"],
    ]);
    expect(messages[0]?.forwardedFrom).toMatchObject({ messageId: id, conversationId: single, senderId: ann });
    expect(failed).toMatchObject([{ conversationId: "group_9", errorCode: "CONVERSATION_NOT_FOUND" }]);
  });

  test("G3: a repeat is the same messages, also when the text has been edited since", async () => {
    const { id } = await send(single, ann, "news");
    const first = await forward(id, [group]);
    await chat.message.editMessage({ operatorId: ann, messageId: id, content: "old news" });
    const again = await forward(id, [group]);
    expect(again.messages[0]?.id).toBe(first.messages[0]?.id ?? "");
  });

  test("each refusal by its name", async () => {
    const { id } = await send(single, ann, "news");
    const eve = await chat.addUser("eve");
    expect(await codeOf(forward(id, [group], { userId: eve }))).toBe("MESSAGE_NOT_FOUND");
    expect((await forward(id, [group], { userId: ann })).failed).toEqual([]);
    expect(await codeOf(forward(id, []))).toBe("INVALID_PARAMETER");
    expect(await codeOf(forward(id, [group, group]))).toBe("INVALID_PARAMETER");
    expect(await codeOf(forward(id, [group], { clientMsgId: "x".repeat(62) }))).toBe("INVALID_PARAMETER");
    const own = await made({ creatorId: ann, type: 2, name: "without bob", memberIds: [eve] });
    expect((await forward(id, [own])).failed).toMatchObject([{ errorCode: "NOT_CONVERSATION_MEMBER" }]);
    await chat.message.recallMessage({ operatorId: ann, messageId: id });
    expect(await codeOf(forward(id, [group]))).toBe("MESSAGE_RECALLED");
  });
});

describe("the content filter (spec 50 §4)", () => {
  test("replaces words of sends and edits; a repeat stays a repeat", async () => {
    Object.assign(chat.config.message.filter, { enabled: true, words: ["darn"] });
    const sent = await send(group, ann, "Darn it", { clientMsgId: "s" });
    expect(sent.content).toBe("**** it");
    const repeated = {
      userId: ann,
      conversationId: group,
      content: "Darn it",
      type: MessageType.TEXT,
      clientMsgId: "s",
    };
    expect(await chat.message.sendMessage(repeated)).toMatchObject({ duplicate: true, message: { id: sent.id } });
    const edit = { operatorId: ann, messageId: sent.id, content: "oh darn", clientMsgId: "e" };
    expect((await chat.message.editMessage(edit)).message?.content).toBe("oh ****");
    expect(await chat.message.editMessage(edit)).toMatchObject({ duplicate: true });
  });

  test("or answers CONTENT_REJECTED", async () => {
    const { id } = await send(group, ann, "x");
    Object.assign(chat.config.message.filter, { enabled: true, action: "reject", words: ["darn"] });
    expect(await codeOf(send(group, ann, "darn"))).toBe("CONTENT_REJECTED");
    const edit = { operatorId: ann, messageId: id, content: "darn" };
    expect(await codeOf(chat.message.editMessage(edit))).toBe("CONTENT_REJECTED");
  });
});
