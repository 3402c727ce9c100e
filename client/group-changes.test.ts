import { expect, test } from "bun:test";
import type { ConversationJson } from "#proto/objects.ts";
import { rowOfFrame } from "./changes.ts";
import { changedConversation, groupChangeOf } from "./group-changes.ts";

const before: ConversationJson = {
  id: "5",
  type: 2,
  name: "crew",
  ownerId: "1",
  memberCount: 3,
  updatedAt: 1,
  myMembership: { userId: "2", conversationId: "5", role: 1, muted: false, joinedAt: 1 },
};
/** A pushed frame as a change. */
function pushed(type: string, data: object) {
  const row = rowOfFrame(type, { id: "9", conversationId: "5", seqId: 3, operatorId: "1", createdAt: 50, ...data });
  return row === undefined ? undefined : groupChangeOf(row);
}
const after = (type: string, data: object) => {
  const change = pushed(type, data);
  if (change === undefined) throw new Error("no change");
  return changedConversation(before, change, "2");
};

test("20 §5: each change of a conversation has a typed form, and shows in the conversation", () => {
  expect(pushed("member-added", { members: [{ userId: "7", username: "al", role: 1 }], memberCount: 4 })).toMatchObject(
    {
      type: "added",
      operatorId: "1",
      members: [{ userId: "7", username: "al", role: 1 }],
    },
  );
  expect(after("member-added", { members: [], memberCount: 4 })).toMatchObject({ memberCount: 4 });
  expect(after("member-removed", { userIds: ["3"], reason: "left", memberCount: 2 })).toMatchObject({ memberCount: 2 });
  expect(after("member-removed", { userIds: ["2"], reason: "removed", memberCount: 2 })).toBeUndefined();
  expect(after("member-updated", { userId: "2", role: 3 })).toMatchObject({ ownerId: "2", myMembership: { role: 3 } });
  expect(after("member-updated", { userId: "7", role: 2 })).toEqual(before);
  const muted = { userId: "2", muted: true, mutedUntil: 60 };
  expect(after("member-updated", muted)?.myMembership).toMatchObject({ muted: true, mutedUntil: 60 });
  const info = {
    changed: ["description", "settings"],
    conversation: { description: "", settings: { mute_all: true } },
  };
  expect(after("conversation-updated", info)).toMatchObject({ name: "crew", settings: { mute_all: true } });
  expect(after("conversation-updated", { changed: ["dissolved"], reason: "over" })).toMatchObject({ dissolvedAt: 50 });
  expect(pushed("conversation-updated", { changed: ["dissolved"], reason: "over" })).toMatchObject({ reason: "over" });
});

test("changes of messages are none of a conversation", () => {
  const at = { messageId: "1", targetSeqId: 1 };
  expect(pushed("message-edited", { ...at, content: "x", editedAt: 1 })).toBeUndefined();
  expect(pushed("conversation-updated", { ...at, changed: ["pins"], pinned: true })).toBeUndefined();
});
