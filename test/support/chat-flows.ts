import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { JSON_SUBPROTOCOL } from "../../proto/frames.ts";
import {
  type Account,
  type Api,
  createApi,
  type HistoryJson,
  type MessageJson,
  newAccount,
  newGuest,
  wholeHistory,
} from "./api.ts";
import { failure, type openSocket as Open, opener, type subprotocols, until } from "./socket.ts";
import type { Target } from "./target.ts";

type Subprotocol = (typeof subprotocols)[number];

let target: Target;
let api: Api;
let ann: Account;
let ben: Account;
let openSocket: typeof Open;
let subprotocol: Subprotocol;

/** The flows of a chat between people on the first and the last gateway of what `start` starts. */
export function chatFlows(start: () => Promise<Target>, by: Subprotocol = JSON_SUBPROTOCOL): void {
  beforeAll(async () => {
    subprotocol = by;
    openSocket = opener(by);
    target = await start();
    api = createApi(target.first);
    ann = await newAccount(api, "ann");
    ben = await newAccount(api, "ben");
  });
  afterAll(() => target?.[Symbol.asyncDispose]());

  describe("the world room", worldRoom);
  describe("single chats", singleChats);
  describe("G3 one message", oneMessage);
  describe("history, reading, the list", history);
  describe("accounts", accounts);
}

const text = (conversationId: string, content: string, clientMsgId: string) => ({
  conversationId,
  content,
  messageType: 1,
  client_msg_id: clientMsgId,
});
const post = <T = MessageJson>(id: string, content: string, clientMsgId: string, token: string) =>
  api.call<T>("POST", `/conversations/${id}/messages`, text(id, content, clientMsgId), token);

async function single(): Promise<string> {
  const body = { type: 1, members: [ben.userId] };
  return (await api.call<{ id: string }>("POST", "/conversations", body, ann.accessToken)).data.id;
}

async function group(name: string): Promise<string> {
  const body = { type: 2, name, members: [ben.userId] };
  return (await api.call<{ id: string }>("POST", "/conversations", body, ann.accessToken)).data.id;
}

function worldRoom(): void {
  test("two people see each other's messages, each once, in one order", async () => {
    const guest = await newGuest(api);
    await using a = await openSocket(target.first, ann.accessToken);
    await using g = await openSocket(target.last, guest.accessToken, { by: "query" });
    a.send("send-message", text("world", "hello from ann", "w1"));
    g.send("send-message", text("world", "hello from a guest", "w2"));
    const ack = await a.next("message-ack");
    expect(ack.data).toMatchObject({ client_msg_id: "w1", status: "success", conversationId: "world" });
    for (const socket of [a, g]) {
      const first = await socket.next("new-message", (frame) => frame.data.content === "hello from ann");
      expect(first.data).toMatchObject({
        id: ack.data.messageId,
        seqId: ack.data.seqId,
        conversationId: "world",
        messageType: 1,
        clientMsgId: "w1",
        sender: { id: ann.userId, username: ann.username },
      });
      expect(first.timestamp).toBeNumber();
      await socket.next("new-message", (frame) => frame.data.content === "hello from a guest");
    }
    const pushed = (frames: typeof a.frames) =>
      frames.filter((frame) => frame.type === "new-message").map((frame) => frame.data.seqId);
    expect(pushed(a.frames)).toEqual(pushed(g.frames));
  });

  test("a v1 client gets what came together in one frame", async () => {
    await using sender = await openSocket(target.first, ann.accessToken);
    await using reader = await openSocket(target.last, ben.accessToken, { query: { v: "1" } });
    for (let n = 0; n < 60; n += 1) sender.send("send-message", text("world", `burst ${n}`, `burst-${n}`));
    const contents = (): string[] =>
      reader.frames
        .flatMap((frame) => {
          if (frame.type === "new-messages") return (frame.data.messages as MessageJson[]).map((row) => row.content);
          return frame.type === "new-message" ? [String(frame.data.content)] : [];
        })
        .filter((content) => content.startsWith("burst"));
    await until("all 60 rows", () => contents().length >= 60);
    expect(contents()).toEqual(Array.from({ length: 60 }, (_, n) => `burst ${n}`));
    expect(reader.frames.some((frame) => frame.type === "new-messages")).toBe(true);
  });
}

function singleChats(): void {
  test("the receiver and the sender's other device get the push, the sending session only its ack", async () => {
    const id = await single();
    await using a1 = await openSocket(target.first, ann.accessToken, { query: { deviceId: "phone" } });
    await using a2 = await openSocket(target.last, ann.accessToken, { query: { deviceId: "laptop" } });
    await using b = await openSocket(target.last, ben.accessToken, { by: "subprotocol" });
    expect(b.socket.protocol).toBe(subprotocol);
    a1.send("send-message", text(id, "psst", "s1"));
    const ack = await a1.next("message-ack");
    for (const socket of [a2, b]) {
      const push = await socket.next("new-message", (frame) => frame.data.conversationId === id);
      expect(push.data).toMatchObject({ content: "psst", id: ack.data.messageId });
    }
    a1.send("ping", undefined, "p");
    expect(await a1.next("pong")).toMatchObject({ id: "p" });
    expect(a1.frames.filter((frame) => frame.type === "new-message" && frame.data.conversationId === id)).toEqual([]);
  });

  test("creating one twice answers the same conversation: 201, then 200", async () => {
    const id = await single();
    const body = { type: 1, members: [ann.userId] };
    const again = await api.call("POST", "/conversations", body, ben.accessToken);
    expect(again).toMatchObject({ status: 200, data: { id, peer: { id: ann.userId } } });
  });

  test("G7 let in by right: someone who is no member can neither read nor send", async () => {
    const id = await single();
    const eve = await newAccount(api, "eve");
    const read = await api.call("GET", `/conversations/${id}/messages`, undefined, eve.accessToken);
    expect(read).toMatchObject({ status: 403, code: "NOT_CONVERSATION_MEMBER" });
    expect(await post(id, "hi", "e1", eve.accessToken)).toMatchObject({ status: 403, code: "NOT_CONVERSATION_MEMBER" });
    await using socket = await openSocket(target.first, eve.accessToken);
    socket.send("send-message", text(id, "hi", "e2"));
    const ack = await socket.next("message-ack");
    expect(ack.data).toMatchObject({ status: "failed", code: "NOT_CONVERSATION_MEMBER" });
    expect((await wholeHistory(api, id, ann.accessToken)).some((row) => row.senderId === eve.userId)).toBe(false);
  });
}

function oneMessage(): void {
  test("the same client_msg_id over either entrance is one message with one set of ids", async () => {
    const id = await single();
    await using a = await openSocket(target.first, ann.accessToken);
    a.send("send-message", text(id, "once", "same"));
    const ack = await a.next("message-ack");
    expect(ack.data).toMatchObject({ status: "success" });
    const repeated = await post(id, "once", "same", ann.accessToken);
    expect(repeated).toMatchObject({ status: 200, data: { id: ack.data.messageId, seqId: ack.data.seqId } });
    a.send("send-message", text(id, "once", "same"));
    expect((await a.next("message-ack")).data).toMatchObject({ messageId: ack.data.messageId, duplicate: true });
    expect((await wholeHistory(api, id, ann.accessToken)).filter((row) => row.clientMsgId === "same")).toHaveLength(1);
  });

  test("other content under a known client_msg_id is refused, the first stays", async () => {
    const id = await single();
    expect((await post(id, "first", "k", ann.accessToken)).status).toBe(201);
    const other = await post(id, "second", "k", ann.accessToken);
    expect(other).toMatchObject({ status: 409, code: "IDEMPOTENCY_CONFLICT" });
    const rows = await wholeHistory(api, id, ann.accessToken);
    expect(rows.filter((row) => row.clientMsgId === "k").map((row) => row.content)).toEqual(["first"]);
  });
}

function history(): void {
  test("G2 one order: seqs from 1 without holes, pages in both directions", async () => {
    const id = await group("pages");
    for (let n = 1; n <= 25; n += 1) await post(id, `m${n}`, `m${n}`, ann.accessToken);
    const rows = await wholeHistory(api, id, ben.accessToken);
    expect(rows.map((row) => row.seqId)).toEqual(Array.from({ length: 25 }, (_, n) => n + 1));
    const page = async (query: string) =>
      (await api.call<HistoryJson>("GET", `/conversations/${id}/messages?${query}`, undefined, ben.accessToken)).data;
    const newest = await page("limit=10");
    expect(newest.messages.map((row) => row.seqId)).toEqual([25, 24, 23, 22, 21, 20, 19, 18, 17, 16]);
    expect(newest).toMatchObject({ hasMore: true, latestSeqId: 25, completeFrom: 16, completeTo: 25 });
    const older = await page(`limit=10&cursor=${newest.nextCursor}`);
    expect(older.messages.map((row) => row.seqId)).toEqual([15, 14, 13, 12, 11, 10, 9, 8, 7, 6]);
    const after = await page("limit=3&after_seq=20");
    expect(after.messages.map((row) => row.seqId)).toEqual([21, 22, 23]);
    expect(after).toMatchObject({ completeFrom: 21, completeTo: 23 });
  });

  test("unread counts fall with the read pointer, which never goes back", async () => {
    const id = await group("unread");
    for (let n = 1; n <= 4; n += 1) await post(id, `m${n}`, `u${n}`, ann.accessToken);
    const unread = async (token: string): Promise<number> => {
      type List = { conversations: { id: string; unreadCount?: number }[] };
      const { data } = await api.call<List>("GET", "/conversations", undefined, token);
      return data.conversations.find((one) => one.id === id)?.unreadCount ?? 0;
    };
    expect(await unread(ann.accessToken)).toBe(0);
    expect(await unread(ben.accessToken)).toBe(4);
    await using b = await openSocket(target.last, ben.accessToken);
    b.send("mark-read", { conversationId: id, seqId: 3 });
    expect((await b.next("read-ack")).data).toMatchObject({ lastReadSeqId: 3, unreadCount: 1 });
    b.send("mark-read", { conversationId: id, seqId: 1 });
    expect((await b.next("read-ack")).data).toMatchObject({ lastReadSeqId: 3 });
    const clamped = await api.call("PUT", `/conversations/${id}/read`, { seqId: 99 }, ben.accessToken);
    expect(clamped.data).toMatchObject({ unreadCount: 0, lastReadSeqId: 4 });
  });

  test("the list holds the world first, with the last message of each conversation", async () => {
    const id = await single();
    await post(id, "latest", "latest", ann.accessToken);
    type List = { conversations: unknown[] };
    const { data } = await api.call<List>("GET", "/conversations", undefined, ann.accessToken);
    expect(data.conversations[0]).toMatchObject({ id: "world", type: 3 });
    expect(data.conversations[1]).toMatchObject({ id, lastMessage: { content: "latest" } });
  });

  test("a sync brings what a device missed, with its complete range", async () => {
    const id = await group("sync");
    for (const n of [1, 2, 3, 4]) await post(id, `away ${n}`, `away${n}`, ann.accessToken);
    await using b = await openSocket(target.last, ben.accessToken);
    b.send("sync", { conversations: [{ id, afterSeq: 1 }], limit: 100 }, "s");
    const { data } = await b.next("sync-result");
    expect(data).toMatchObject({
      done: true,
      conversations: [{ id, completeFrom: 2, completeTo: 4, latestSeqId: 4, hasMore: false }],
    });
  });
}

function accounts(): void {
  test("guests speak in the world only, and keep their profile", async () => {
    const guest = await newGuest(api);
    const body = { type: 2, name: "x", members: [ann.userId] };
    const created = await api.call("POST", "/conversations", body, guest.accessToken);
    expect(created).toMatchObject({ status: 403, code: "GUEST_FORBIDDEN" });
    const changed = await api.call("PUT", "/users/profile", { avatarUrl: "https://a.org/a.png" }, guest.accessToken);
    expect(changed).toMatchObject({ status: 403, code: "GUEST_FORBIDDEN" });
  });

  test("refresh rotates; an old refresh token used by another device ends the session", async () => {
    const carl = await newAccount(api, "carl");
    type Tokens = { accessToken: string; refreshToken: string };
    const next = await api.call<Tokens>("POST", "/auth/refresh", { refreshToken: carl.refreshToken });
    expect(next.status).toBe(200);
    expect(next.data.refreshToken).not.toBe(carl.refreshToken);
    const reused = await api.call("POST", "/auth/refresh", { refreshToken: carl.refreshToken, deviceId: "thief" });
    expect(reused).toMatchObject({ status: 401, code: "TOKEN_REUSED" });
    const dead = await api.call("POST", "/auth/refresh", { refreshToken: next.data.refreshToken });
    expect(dead.status).toBe(401);
  });

  test("logout ends the session: its sockets close with 4004, its tokens are refused", async () => {
    const dora = await newAccount(api, "dora");
    const socket = await openSocket(target.first, dora.accessToken);
    expect((await api.call("POST", "/auth/logout", {}, dora.accessToken)).status).toBe(200);
    expect(await socket.closed).toBe(4004);
    const after = await api.call("GET", "/users/profile", undefined, dora.accessToken);
    expect(after).toMatchObject({ status: 401, code: "INVALID_TOKEN" });
    expect(await failure(openSocket(target.first, dora.accessToken))).toContain("401");
    expect((await api.call("POST", "/auth/refresh", { refreshToken: dora.refreshToken })).status).toBe(401);
  });

  test("the profile is the caller's", async () => {
    const avatarUrl = "https://example.org/a.png";
    const changed = await api.call("PUT", "/users/profile", { avatarUrl }, ann.accessToken);
    expect(changed.status).toBe(200);
    const read = await api.call("GET", "/users/profile", undefined, ann.accessToken);
    expect(read.data).toMatchObject({ id: ann.userId, username: ann.username, avatarUrl });
  });
}
