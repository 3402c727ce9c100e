import { expect, test } from "bun:test";
import type { ConversationMemberJson as Member, MessageJson as Message } from "#proto/objects.ts";
import { ClientError } from "./errors.ts";
import type { MemberPage } from "./groups.ts";
import { createMembers } from "./members.ts";

const member = (userId: string, role = 1): Member => ({
  userId,
  conversationId: "5",
  role,
  muted: false,
  joinedAt: 1,
  user: { id: userId, username: `user${userId}` },
});
const change = (changeType: string, fields: object): Message => ({
  id: "9",
  conversationId: "5",
  senderId: "1",
  messageType: 4,
  content: "",
  seqId: 3,
  kind: "change",
  createdAt: 50,
  changeType,
  change: { id: "9", conversationId: "5", seqId: 3, operatorId: "1", createdAt: 50, ...fields },
});

function setup(all: Member[], size = 100) {
  const server = { all, asked: [] as object[], down: false, meanwhile: (): void => undefined };
  const members = createMembers({
    onChange: () => undefined,
    load: async (_id, query): Promise<MemberPage> => {
      server.asked.push(query);
      if (server.down) throw new ClientError("NETWORK_ERROR");
      const fitting = server.all.filter(({ role }) => query.role === undefined || role === query.role);
      const from = (query.page - 1) * size;
      const page = fitting.slice(from, from + size);
      await Promise.resolve();
      server.meanwhile();
      return { members: page, hasMore: from + size < fitting.length, total: fitting.length };
    },
  });
  const list = members.open("5");
  const ids = () => list.list().map(({ userId }) => userId);
  return { server, members, list, ids };
}
const settle = async () => {
  for (let at = 0; at < 30; at++) await Promise.resolve();
};

test("owner first, then admins, then names; changes of the stream show", async () => {
  const { members, list, ids } = setup([member("3"), member("1", 2), member("2", 3)]);
  await settle();
  expect(ids()).toEqual(["2", "1", "3"]);
  members.apply(change("member_added", { members: [{ userId: "4", username: "al", role: 1 }], memberCount: 4 }));
  members.apply(change("member_role", { userId: "3", role: 2 }));
  members.apply(change("member_mute", { userId: "4", muted: true, mutedUntil: 99 }));
  members.apply(change("member_left", { userIds: ["1"], memberCount: 3 }));
  expect(ids()).toEqual(["2", "3", "4"]);
  expect(list.get("4")).toMatchObject({ muted: true, mutedUntil: 99, user: { username: "al" } });
  expect(list.total()).toBe(3);
});

test("a change that comes while a page is on its way is not undone by it", async () => {
  const { server, members, ids } = setup([member("1", 3), member("2")]);
  server.meanwhile = () => members.apply(change("member_removed", { userIds: ["2"], memberCount: 1 }));
  await settle();
  expect(ids()).toEqual(["1"]);
});

test("who leads a large group is there from the first page on; the rest comes page by page", async () => {
  const { server, list, ids } = setup([member("1"), member("2"), member("3"), member("4", 3)], 2);
  await settle();
  expect(ids()).toEqual(["4", "1", "2"]);
  expect(list.hasMore()).toBe(true);
  await list.loadMore();
  expect(ids()).toEqual(["4", "1", "2", "3"]);
  expect(list.hasMore()).toBe(false);
  const asked = server.asked.length;
  await list.loadMore();
  expect(server.asked).toHaveLength(asked);
});

test("a failed load says so and is tried again by the caller or after a reconnect; opening again does not", async () => {
  const { server, members, list, ids } = setup([member("1", 3)]);
  await settle();
  server.down = true;
  server.all = [member("1", 3), member("2")];
  members.refresh();
  await settle();
  expect(list.loading()).toEqual({ at: "failed", code: "NETWORK_ERROR" });
  const asked = server.asked.length;
  members.open("5");
  expect(server.asked).toHaveLength(asked);
  server.down = false;
  members.refresh();
  await settle();
  expect(ids()).toEqual(["1", "2"]);
});
