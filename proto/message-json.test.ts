import { describe, expect, test } from "bun:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { MessageKind, MessageSchema, MessageType } from "./gen/gochat/common/v1/message_pb.ts";
import { UserInfoSchema } from "./gen/gochat/common/v1/user_pb.ts";
import { messageToJson, rowFrame } from "./message-json.ts";

const row = (init: MessageInitShape<typeof MessageSchema>) =>
  create(MessageSchema, {
    id: "9",
    conversationId: "group_1",
    sender: create(UserInfoSchema, { id: "5", username: "five" }),
    type: MessageType.TEXT,
    kind: MessageKind.MESSAGE,
    seqId: 3n,
    createdAt: 1700000000n,
    ...init,
  });

describe("rows to JSON (spec 10 §2, 20 §5)", () => {
  test("a message has its always-present fields, absent ones are absent", () => {
    expect(messageToJson(row({ content: "hi", clientMsgId: "c" }))).toEqual({
      id: "9",
      conversationId: "group_1",
      senderId: "5",
      sender: { id: "5", username: "five" },
      messageType: 1,
      content: "hi",
      seqId: 3,
      kind: "message",
      clientMsgId: "c",
      deleted: false,
      createdAt: 1700000000,
    });
  });

  test("new-message carries sender and clientMsgId", () => {
    const frame = rowFrame(row({ content: "hi", clientMsgId: "c" }));
    expect(frame.type).toBe("new-message");
    expect(frame.data).toMatchObject({ seqId: 3, sender: { id: "5" }, clientMsgId: "c", content: "hi" });
  });

  test("a change's frame has the shared fields, seqId is the change's own", () => {
    const change = row({
      kind: MessageKind.CHANGE,
      type: MessageType.SYSTEM,
      changeType: "recall",
      targetMessageId: "7",
      targetSeqId: 2n,
      change: { case: "recall", value: { messageId: "7", targetSeqId: 2n, recalledAt: 1700000001n } },
    });
    const frame = rowFrame(change);
    expect(frame).toEqual({
      type: "message-recalled",
      data: {
        id: "9",
        conversationId: "group_1",
        seqId: 3,
        operatorId: "5",
        createdAt: 1700000000,
        messageId: "7",
        targetSeqId: 2,
        recalledAt: 1700000001,
      },
    });
    expect(messageToJson(change)).toMatchObject({
      kind: "change",
      changeType: "recall",
      targetSeqId: 2,
      change: frame.data,
    });
  });

  test("an unknown change still is a frame with a seq", () => {
    const frame = rowFrame(row({ kind: MessageKind.CHANGE, changeType: "later" }));
    expect(frame).toMatchObject({ type: "conversation-updated", data: { seqId: 3, changed: [] } });
  });
});
