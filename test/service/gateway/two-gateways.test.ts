import { afterAll, beforeAll, expect, test } from "bun:test";
import { createApi, newAccount, newGuest } from "../../support/api.ts";
import { openSocket, until } from "../../support/socket.ts";
import { openTown, type Town } from "./gateway-fixture.ts";

let town: Town;
let first = "";
let second = "";
beforeAll(async () => {
  town = await openTown(undefined, undefined, { gateways: 2 });
  [first = "", second = ""] = town.gateways.map(({ url }) => url);
});
afterAll(() => town[Symbol.asyncDispose]());

test("a single chat over two gateways: both directions, the sender's other device on the other gateway too", async () => {
  const [ann, bob] = [await newAccount(town.api), await newAccount(town.api)];
  const body = { type: 1, members: [bob.userId] };
  const { id } = (await createApi(second).call<{ id: string }>("POST", "/conversations", body, ann.accessToken)).data;
  await using a = await openSocket(first, ann.accessToken);
  await using other = await openSocket(second, ann.accessToken);
  await using b = await openSocket(second, bob.accessToken, { query: { v: "1" } });
  a.send("send-message", { conversationId: id, content: "there", messageType: 1, client_msg_id: "1" });
  const ack = await a.next("message-ack");
  expect((await b.next("new-message")).data).toMatchObject({ id: ack.data.messageId, content: "there", seqId: 1 });
  expect((await other.next("new-message")).data).toMatchObject({ content: "there" });
  b.send("send-message", { conversationId: id, content: "back", messageType: 1, client_msg_id: "1" });
  await b.next("message-ack");
  expect((await a.next("new-message")).data).toMatchObject({ content: "back", seqId: 2 });
});

test("a group over two gateways: every member's session once, the sending one only its ack", async () => {
  const people = await Promise.all([newAccount(town.api), newAccount(town.api), newAccount(town.api)]);
  const [ann, bob, cid] = people;
  if (ann === undefined || bob === undefined || cid === undefined) throw new Error("three people");
  const body = { type: 2, name: "across", members: [bob.userId, cid.userId] };
  const { id } = (await town.api.call<{ id: string }>("POST", "/conversations", body, ann.accessToken)).data;
  await using a = await openSocket(first, ann.accessToken);
  await using b = await openSocket(second, bob.accessToken);
  await using c = await openSocket(first, cid.accessToken);
  a.send("send-message", { conversationId: id, content: "all", messageType: 1, client_msg_id: "1" });
  await a.next("message-ack");
  for (const one of [b, c]) {
    await one.next("new-message", ({ data }) => data.conversationId === id && data.content === "all");
  }
  const path = `/conversations/${id}/messages`;
  await createApi(second).call("POST", path, { content: "by http", messageType: 1 }, cid.accessToken);
  await a.next("new-message", ({ data }) => data.content === "by http");
  await b.next("new-message", ({ data }) => data.content === "by http");
  const copies = [a, b, c].map(({ frames }) => frames.filter(({ data }) => data.content === "all").length);
  expect(copies).toEqual([0, 1, 1]);
});

test("G2: the world over two gateways is one order for everybody", async () => {
  const [ann, bob] = [await newAccount(town.api), await newGuest(town.api)];
  await using a = await openSocket(first, ann.accessToken);
  await using b = await openSocket(second, bob.accessToken, { query: { v: "1" } });
  const count = 40;
  for (let index = 0; index < count; index += 1) {
    const [from, who] = index % 2 === 0 ? [a, "ann"] : [b, "bob"];
    const content = `${who} ${index}`;
    from.send("send-message", { conversationId: "world", content, messageType: 1, client_msg_id: String(index) });
  }
  await until("both have all", () => [a, b].every(({ frames }) => worldOf(frames).length === count));
  expect(worldOf(a.frames)).toEqual(worldOf(b.frames));
  const seqs = worldOf(a.frames).map(({ seqId }) => seqId);
  expect(seqs).toEqual(Array.from({ length: count }, (_, index) => (seqs[0] ?? 0) + index));
});

interface Row {
  seqId: number;
  content: string;
}

function worldOf(frames: readonly { type: string; data: Record<string, unknown> }[]): Row[] {
  return frames.flatMap(({ type, data }) => {
    const rows = type === "new-messages" ? (data.messages as Row[]) : type === "new-message" ? [data] : [];
    return rows.map(({ seqId, content }) => ({ seqId: Number(seqId), content: String(content) }));
  });
}

test("20 §2: a session that is replaced on another gateway is closed there with 4002", async () => {
  const ann = await newAccount(town.api);
  const query = { deviceId: "phone" };
  await using old = await openSocket(first, ann.accessToken, { query });
  await using laptop = await openSocket(first, ann.accessToken, { query: { deviceId: "laptop" } });
  await using now = await openSocket(second, ann.accessToken, { query });
  expect(await old.closed).toBe(4002);
  const { status } = await town.onlineStatus.getUserOnlineStatus({ userId: ann.userId });
  expect(status?.sessions.length).toBe(2);
  for (const socket of [laptop, now]) socket.send("ping");
  for (const socket of [laptop, now]) await socket.next("pong");
});

test("20 §2: a session whose kick was lost is closed with 4002 at its heartbeat; the later one stays", async () => {
  const ann = await newAccount(town.api);
  const query = { deviceId: "phone" };
  const old = await openSocket(first, ann.accessToken, { query });
  town.loseKicks = true;
  await using now = await openSocket(second, ann.accessToken, { query });
  old.send("ping");
  await old.next("pong");
  town.loseKicks = false;
  town.advance(61_000);
  expect(await old.closed).toBe(4002);
  for (let minute = 0; minute < 2; minute += 1) {
    now.send("ping");
    await now.next("pong");
    town.advance(61_000);
  }
  const { status } = await town.onlineStatus.getUserOnlineStatus({ userId: ann.userId });
  expect(status?.sessions.map(({ sessionId }) => sessionId)).toEqual([String(now.frames[0]?.data.sessionId)]);
});

test("20 §2: a guest has one socket, whatever the gateway", async () => {
  const guest = await newGuest(town.api);
  await using old = await openSocket(second, guest.accessToken);
  await using now = await openSocket(first, guest.accessToken);
  expect(await old.closed).toBe(4002);
  now.send("ping");
  await now.next("pong");
});

test("a sign-out on one gateway closes the session on the other with 4004", async () => {
  const ann = await newAccount(town.api);
  await using a = await openSocket(second, ann.accessToken);
  await createApi(first).call("POST", "/auth/logout", {}, ann.accessToken);
  expect(await a.closed).toBe(4004);
});
