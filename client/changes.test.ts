import { describe, expect, test } from "bun:test";
import type { MessageJson as Message } from "#proto/objects.ts";
import { applyChange, messageChangeOf, rowOfFrame } from "./changes.ts";
import { createTimeline } from "./timeline.ts";

const message = (seqId: number, fields: Partial<Message> = {}): Message => ({
  id: `${100 + seqId}`,
  conversationId: "group_1",
  senderId: "1",
  messageType: 1,
  content: `text ${seqId}`,
  seqId,
  kind: "message",
  createdAt: 1000,
  ...fields,
});

/** A pushed frame as the row it stands for. */
function pushed(type: string, seqId: number, data: object): Message {
  const common = { id: `${200 + seqId}`, conversationId: "group_1", seqId, operatorId: "2", createdAt: 1000 + seqId };
  const row = rowOfFrame(type, { ...common, messageId: "101", targetSeqId: 1, ...data });
  if (row === undefined) throw new Error("no row");
  return row;
}

function loaded(...rows: Message[]) {
  const timeline = createTimeline<Message>();
  timeline.addPage({ rows, completeFrom: 1, completeTo: rows.length });
  return { timeline, first: () => timeline.rows()[0], apply: (row: Message) => applyChange(timeline, row, "1") };
}

describe("changes of a loaded message (spec 20 §5)", () => {
  test("an edit, also in what replies show; an older one does not undo it; twice is once", () => {
    const reply = message(2, { replyTo: { messageId: "101", seqId: 1, senderId: "1", preview: "text 1" } });
    const { timeline, first, apply } = loaded(message(1), reply);
    const newer = pushed("message-edited", 4, { content: "newest", editedAt: 1004 });
    apply(newer);
    apply(pushed("message-edited", 3, { content: "older", editedAt: 1003 }));
    apply(newer);
    expect(first()).toMatchObject({ content: "newest", editedAt: 1004 });
    expect(timeline.rows()[1]?.replyTo?.preview).toBe("newest");
  });

  test("a recall takes text, extra, reactions and previews away, and no edit brings them back", () => {
    const reply = message(2, { replyTo: { messageId: "101", seqId: 1, senderId: "1", preview: "text 1" } });
    const reactions = [{ emoji: "👍", count: 1, mine: false }];
    const { timeline, first, apply } = loaded(message(1, { extra: "{}", reactions }), reply);
    apply(pushed("message-recalled", 3, { recalledAt: 1003 }));
    apply(pushed("message-edited", 4, { content: "back", editedAt: 1004 }));
    apply(pushed("message-reaction", 5, { userId: "2", emoji: "👍", removed: false, count: 1 }));
    expect(first()).toEqual({ ...message(1), deleted: true, content: "" });
    expect(timeline.rows()[1]?.replyTo?.preview).toBe("");
  });

  test("reactions take the count that the change says, and whose they are", () => {
    const { first, apply } = loaded(message(1));
    const react = (seqId: number, userId: string, count: number, removed = false) =>
      apply(pushed("message-reaction", seqId, { userId, emoji: "👍", removed, count }));
    react(2, "2", 1);
    expect(first()?.reactions).toEqual([{ emoji: "👍", count: 1, mine: false }]);
    react(3, "1", 2);
    react(3, "1", 2);
    expect(first()?.reactions).toEqual([{ emoji: "👍", count: 2, mine: true }]);
    react(4, "2", 1, true);
    react(5, "1", 0, true);
    expect(first()?.reactions).toEqual([]);
  });

  test("what is not loaded, and what is no change of a message, is left alone", () => {
    const { timeline, apply } = loaded(message(1));
    const version = timeline.version();
    apply(pushed("message-recalled", 3, { targetSeqId: 9, messageId: "109" }));
    apply(message(2));
    expect(timeline.version()).toBe(version);
  });
});

test("each change of a message has a typed form", () => {
  const typed = (type: string, data: object) => messageChangeOf(pushed(type, 3, data));
  expect(typed("message-recalled", {})).toMatchObject({ type: "recall", messageId: "101", targetSeqId: 1 });
  expect(typed("message-edited", { content: "x", editedAt: 5 })).toMatchObject({
    type: "edit",
    content: "x",
    editedAt: 5,
  });
  expect(typed("message-reaction", { userId: "2", emoji: "a", removed: true, count: 4 })).toMatchObject({
    type: "reaction",
    userId: "2",
    removed: true,
    count: 4,
  });
  expect(typed("conversation-updated", { changed: ["pins"], pinned: true })).toMatchObject({ type: "pin" });
  expect(typed("conversation-updated", { changed: ["pins"], pinned: false })).toMatchObject({ type: "unpin" });
  expect(messageChangeOf(message(1))).toBeUndefined();
});
