import { expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import {
  ReactionChangeSchema,
  RecallChangeSchema,
  RoomModeChangeSchema,
} from "#proto/gen/gochat/common/v1/change_pb.ts";
import { type Message, MessageSchema } from "#proto/gen/gochat/common/v1/message_pb.ts";
import { conversationEventsOf, messageEventOf } from "./change-events.ts";

const row = (change: Message["change"]): Message =>
  create(MessageSchema, { conversationId: "group_1", seqId: 7n, sender: { id: "1" }, change });

test("spec 50 §3: a switch of the room mode is an event of the conversation", () => {
  const value = create(RoomModeChangeSchema, { room: true, memberCount: 501 });
  expect(conversationEventsOf(row({ case: "roomMode", value }), undefined)).toEqual([
    { type: "conversation.room_mode", payload: { case: "roomMode", value: { room: true, memberCount: 501 } } },
  ]);
});

test("what concerns a message alone is no event of the conversation, and a reaction none at all", () => {
  const recall = row({ case: "recall", value: create(RecallChangeSchema, { messageId: "3", reason: "r" }) });
  expect(conversationEventsOf(recall, undefined)).toEqual([]);
  expect(messageEventOf(recall)).toMatchObject({ type: "message.recalled", payload: { case: "recalled" } });
  const reaction = row({ case: "reaction", value: create(ReactionChangeSchema, { messageId: "3", emoji: "x" }) });
  expect(conversationEventsOf(reaction, undefined)).toEqual([]);
  expect(messageEventOf(reaction)).toBeUndefined();
});

test("a change of a type that this program does not know is no event", () => {
  expect(conversationEventsOf(row({ case: undefined }), undefined)).toEqual([]);
});
