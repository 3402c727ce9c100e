import { describe, expect, test } from "bun:test";
import type { Pending } from "#client/outbox.ts";
import type { MessageJson } from "#proto/objects.ts";
import { buildItems, type Item, type ItemsInput } from "./items.ts";

const noon = Math.floor(new Date(2026, 4, 5, 12).getTime() / 1_000);
const row = (seqId: number, more: Partial<MessageJson> = {}): MessageJson => ({
  id: `m${seqId}`,
  conversationId: "world",
  senderId: "2",
  sender: { id: "2", username: "bo" },
  messageType: 1,
  content: "x",
  seqId,
  kind: "message",
  createdAt: noon + seqId,
  ...more,
});
const pending: Pending = {
  clientMsgId: "p1",
  conversationId: "world",
  content: "y",
  messageType: 1,
  createdAtMs: (noon + 100) * 1_000,
  state: "sending",
  code: undefined,
};
const build = (input: Partial<ItemsInput>): Item[] =>
  buildItems({
    rows: [],
    holes: [],
    pending: [],
    atEnd: true,
    me: { id: "1", username: "ann" },
    unreadAfter: undefined,
    ...input,
  });
const shape = (items: Item[]): string[] =>
  items.map((item) => (item.kind === "message" ? `${item.head ? "+" : "-"}${item.key}` : item.kind));

describe("what the list shows", () => {
  test("messages of one sender within five minutes form a group", () => {
    const items = build({
      rows: [row(1), row(2), row(3, { senderId: "3" }), row(4), row(5, { createdAt: noon + 304 })],
    });
    expect(shape(items)).toEqual(["day", "+m1", "-m2", "+m3", "+m4", "+m5"]);
  });

  test("a day line stands between days and ends a group", () => {
    const items = build({ rows: [row(1), row(2, { createdAt: noon + 86_400 })] });
    expect(shape(items)).toEqual(["day", "+m1", "day", "+m2"]);
  });

  test("the unread line stands above the first message of others that was not read", () => {
    expect(shape(build({ rows: [row(1), row(2), row(3)], unreadAfter: 1 }))).toEqual([
      "day",
      "+m1",
      "unread",
      "+m2",
      "-m3",
    ]);
    expect(shape(build({ rows: [row(1), row(2)], unreadAfter: 0 }))).toEqual(["day", "unread", "+m1", "-m2"]);
    expect(shape(build({ rows: [row(7), row(8)], unreadAfter: 2 }))).toEqual(["day", "+m7", "-m8"]);
    expect(shape(build({ rows: [row(1), row(2, { senderId: "1" })], unreadAfter: 1 }))).not.toContain("unread");
  });

  test("holes stand where rows are missing, the one behind the newest only at the end", () => {
    const holes = [
      { from: 2, to: 4 },
      { from: 6, to: 9 },
    ];
    expect(shape(build({ rows: [row(1), row(5)], holes }))).toEqual(["day", "+m1", "hole", "+m5", "hole"]);
    expect(shape(build({ rows: [row(1), row(5)], holes, atEnd: false }))).toEqual(["day", "+m1", "hole", "+m5"]);
    expect(shape(build({ rows: [row(5)], holes }))).toEqual(["day", "+m5", "hole"]);
  });

  test("a message keeps its key from sending to stored", () => {
    const sending = build({ pending: [pending] });
    const stored = build({ rows: [row(9, { senderId: "1", clientMsgId: "p1" })] });
    expect(sending.at(-1)?.key).toBe("p1");
    expect(stored.at(-1)?.key).toBe("p1");
  });

  test("only the last row, when it is mine, says that it was sent", () => {
    const items = build({ rows: [row(1, { senderId: "1" }), row(2, { senderId: "1" })] });
    expect(items.map((item) => item.kind === "message" && item.last)).toEqual([false, false, true]);
    expect(
      build({ rows: [row(1, { senderId: "1" }), row(2)] }).some((item) => item.kind === "message" && item.last),
    ).toBe(false);
  });

  test("changes that only alter a message are not spoken of", () => {
    const change = (seqId: number, changeType: string) => row(seqId, { kind: "change", changeType, content: "" });
    expect(shape(build({ rows: [row(1), change(2, "recall"), row(3), change(4, "member_added")] }))).toEqual([
      "day",
      "+m1",
      "-m3",
      "change",
    ]);
  });
});
