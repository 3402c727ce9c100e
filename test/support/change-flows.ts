import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { JSON_SUBPROTOCOL } from "../../proto/frames.ts";
import { type Account, type Api, createApi, type MessageJson, newAccount, wholeHistory } from "./api.ts";
import { type openSocket as Open, opener, type subprotocols } from "./socket.ts";
import type { Target } from "./target.ts";

let target: Target;
let api: Api;
let ann: Account;
let ben: Account;
let eve: Account;
let openSocket: typeof Open;

/** Recall, edit, reactions, pins, forward between people on the first and the last gateway of what `start` starts. */
export function changeFlows(start: () => Promise<Target>, by: (typeof subprotocols)[number] = JSON_SUBPROTOCOL): void {
  beforeAll(async () => {
    openSocket = opener(by);
    target = await start();
    api = createApi(target.first);
    ann = await newAccount(api, "ann");
    ben = await newAccount(api, "ben");
    eve = await newAccount(api, "eve");
  });
  afterAll(() => target?.[Symbol.asyncDispose]());

  describe("10 §7 changes of messages", changes);
  describe("10 §7 pins and forwards", pinsAndForwards);
  describe("20 §4 changes by frame", frames);
}

const call = <T = MessageJson>(method: string, path: string, body?: unknown, by: Account = ann) =>
  api.call<T>(method, path, body, by.accessToken);

async function group(): Promise<string> {
  const body = { type: 2, name: "changes", members: [ben.userId] };
  return (await call<{ id: string }>("POST", "/conversations", body)).data.id;
}

async function send(conversationId: string, content: string, by: Account = ann): Promise<MessageJson> {
  const body = { messageType: 1, content, client_msg_id: Bun.randomUUIDv7() };
  return (await call("POST", `/conversations/${conversationId}/messages`, body, by)).data;
}

const history = (id: string, by: Account = ben) => wholeHistory(api, id, by.accessToken);

function changes(): void {
  test("an edit reaches the other side, the history, a sync and the replies", async () => {
    const id = await group();
    const target1 = await send(id, "teh");
    await using b = await openSocket(target.last, ben.accessToken);
    const edited = await call("PUT", `/messages/${target1.id}`, { content: "the", client_msg_id: "e1" });
    expect(edited).toMatchObject({ status: 200, data: { content: "the", editedAt: expect.any(Number) } });
    const pushed = await b.next("message-edited");
    expect(pushed.data).toMatchObject({
      conversationId: id,
      messageId: target1.id,
      targetSeqId: 1,
      seqId: 2,
      content: "the",
      operatorId: ann.userId,
      clientMsgId: "e1",
    });
    const rows = await history(id);
    expect(rows.map((row) => [row.seqId, row.kind, row.content])).toEqual([
      [1, "message", "the"],
      [2, "change", ""],
    ]);
    expect(rows[1]?.change).toMatchObject({ content: "the", messageId: target1.id });
    b.send("sync", { conversations: [{ id, afterSeq: 1 }] }, "s");
    const { data } = await b.next("sync-result");
    expect(data).toMatchObject({ conversations: [{ messages: [{ changeType: "edit", seqId: 2 }] }] });
  });

  test("a recall leaves a tombstone everywhere; it is not unread; repeating it answers the tombstone", async () => {
    const id = await group();
    const sent = await send(id, "secret", ben);
    await using b = await openSocket(target.last, ben.accessToken);
    const recall = () => call("POST", `/messages/${sent.id}/recall`, { reason: "off topic", client_msg_id: "r1" });
    expect(await recall()).toMatchObject({ status: 200, data: { deleted: true, content: "", recalledBy: ann.userId } });
    expect((await b.next("message-recalled")).data).toMatchObject({ messageId: sent.id, targetSeqId: 1, seqId: 2 });
    expect((await recall()).status).toBe(200);
    expect((await call("DELETE", `/messages/${sent.id}?client_msg_id=r2`)).status).toBe(200);
    expect(await history(id)).toMatchObject([{ deleted: true, content: "" }, { changeType: "recall" }]);
    expect(await call("POST", `/messages/${sent.id}/recall`, {}, ben)).toMatchObject({
      status: 410,
      code: "MESSAGE_RECALLED",
    });
    const { data } = await call<{ counts: { conversationId: string; unreadCount: number }[] }>(
      "GET",
      "/conversations/unread",
      undefined,
      ben,
    );
    expect(data.counts.find((one) => one.conversationId === id)?.unreadCount ?? 0).toBe(0);
    const plain = await call<{ messages: MessageJson[] }>(
      "GET",
      `/conversations/${id}/messages?includeDeleted=false&includeChanges=false`,
    );
    expect(plain.data.messages).toEqual([]);
  });

  test("reactions are counted, and each knows which are his", async () => {
    const id = await group();
    const sent = await send(id, "x");
    const path = `/messages/${sent.id}/reactions/${encodeURIComponent("👍")}`;
    await using b = await openSocket(target.last, ben.accessToken);
    expect((await call("PUT", path)).data.reactions).toEqual([{ emoji: "👍", count: 1, mine: true }]);
    expect((await b.next("message-reaction")).data).toMatchObject({
      messageId: sent.id,
      userId: ann.userId,
      emoji: "👍",
      removed: false,
    });
    await call("PUT", path, {}, ben);
    await call("PUT", path, {}, ben);
    expect((await history(id))[0]?.reactions).toEqual([{ emoji: "👍", count: 2, mine: true }]);
    expect((await call("DELETE", `${path}?client_msg_id=u`)).data.reactions).toEqual([
      { emoji: "👍", count: 1, mine: false },
    ]);
    expect((await call("GET", `/messages/${sent.id}`, undefined, ben)).data.reactions).toEqual([
      { emoji: "👍", count: 1, mine: true },
    ]);
    expect((await history(id)).filter((row) => row.kind === "change")).toHaveLength(3);
  });

  test("nobody is told that his reaction is not his: a repeated send knows, a last message shows none", async () => {
    const id = await group();
    const body = { messageType: 1, content: "x", client_msg_id: "k" };
    const again = () => call("POST", `/conversations/${id}/messages`, body);
    const sent = (await again()).data;
    await call("PUT", `/messages/${sent.id}/reactions/x`);
    expect(await again()).toMatchObject({ status: 200, data: { reactions: [{ emoji: "x", count: 1, mine: true }] } });
    type Listed = { id: string; lastMessage?: MessageJson };
    const listed = async (query: string): Promise<Listed | undefined> =>
      (await call<{ conversations: Listed[] }>("GET", `/conversations${query}`)).data.conversations.find(
        (one) => one.id === id,
      );
    const one = (await call<Listed>("GET", `/conversations/${id}`)).data;
    for (const found of [await listed(""), await listed("?last_sync=1"), one]) {
      const lastMessage = found?.lastMessage;
      expect(lastMessage?.id).toBe(sent.id);
      expect(lastMessage).not.toHaveProperty("reactions");
    }
  });

  test("G7 and the matrix: each refusal by its name", async () => {
    const id = await group();
    const sent = await send(id, "x");
    const refused = async (by: Account, method: string, path: string, body?: unknown) => {
      const { status, code } = await call(method, path, body, by);
      return `${status} ${code}`;
    };
    const one = `/messages/${sent.id}`;
    expect(await refused(eve, "GET", one)).toBe("404 MESSAGE_NOT_FOUND");
    expect(await refused(eve, "PUT", `${one}/reactions/x`)).toBe("403 NOT_CONVERSATION_MEMBER");
    expect(await refused(eve, "POST", `${one}/recall`)).toBe("403 NOT_CONVERSATION_MEMBER");
    expect(await refused(eve, "POST", `${one}/forward`, { conversationIds: ["world"] })).toBe("404 MESSAGE_NOT_FOUND");
    expect(await refused(eve, "GET", `/conversations/${id}/pins`)).toBe("403 NOT_CONVERSATION_MEMBER");
    expect(await refused(ben, "POST", `${one}/recall`)).toBe("403 INSUFFICIENT_PERMISSION");
    expect(await refused(ben, "PUT", one, { content: "y" })).toBe("403 INSUFFICIENT_PERMISSION");
    expect(await refused(ben, "PUT", `${one}/pin`)).toBe("403 INSUFFICIENT_PERMISSION");
    expect(await refused(ann, "GET", "/messages/5")).toBe("404 MESSAGE_NOT_FOUND");
    expect(await refused(ann, "GET", "/messages/x")).toBe("404 MESSAGE_NOT_FOUND");
    expect(await refused(ann, "PUT", one, {})).toBe("400 MESSAGE_EMPTY");
    expect(await refused(ann, "PUT", one, { content: "x".repeat(5001) })).toBe("400 MESSAGE_TOO_LONG");
    expect(await refused(ann, "PUT", one, { content: 5 })).toBe("400 INVALID_PARAMETER");
    expect(await refused(ann, "POST", `${one}/recall`, { reason: "x".repeat(201) })).toBe("400 INVALID_PARAMETER");
    expect(await refused(ann, "PUT", `${one}/reactions/${"x".repeat(33)}`)).toBe("400 INVALID_PARAMETER");
    expect(await refused(ann, "PUT", `${one}/reactions/a`, { client_msg_id: "" })).toBe("400 INVALID_PARAMETER");
    expect((await call("PUT", `${one}/reactions/a`, { client_msg_id: "k" })).status).toBe(200);
    expect(await refused(ann, "PUT", `${one}/reactions/b`, { client_msg_id: "k" })).toBe("409 IDEMPOTENCY_CONFLICT");
    for (let n = 0; n < 19; n += 1) await call("PUT", `${one}/reactions/e${n}`);
    expect(await refused(ann, "PUT", `${one}/reactions/b`)).toBe("409 REACTION_LIMIT");
  });
}

function pinsAndForwards(): void {
  test("a pin is shown to all, listed with its message, and taken away", async () => {
    const id = await group();
    const sent = await send(id, "rules");
    await using b = await openSocket(target.last, ben.accessToken);
    type Pins = { pins: { messageId: string; message?: MessageJson }[] };
    const pinned = await call<Pins>("PUT", `/messages/${sent.id}/pin`);
    expect(pinned).toMatchObject({ status: 200, data: { pins: [{ messageId: sent.id, pinnedBy: ann.userId }] } });
    expect((await b.next("conversation-updated", ({ data }) => data.seqId === 2)).data).toMatchObject({
      changed: ["pins"],
      pinned: true,
      messageId: sent.id,
    });
    const listed = await call<Pins>("GET", `/conversations/${id}/pins`, undefined, ben);
    expect(listed.data.pins[0]?.message?.content).toBe("rules");
    const off = await call<Pins>("DELETE", `/messages/${sent.id}/pin`);
    expect(off.data.pins).toEqual([]);
    for (let n = 0; n < 20; n += 1) await call("PUT", `/messages/${(await send(id, String(n))).id}/pin`);
    expect(await call("PUT", `/messages/${sent.id}/pin`)).toMatchObject({ status: 409, code: "PIN_LIMIT" });
  });

  test("a forward says where it came from; a target that refuses is told", async () => {
    const [from, to] = [await group(), await group()];
    const sent = await send(from, "news");
    await using b = await openSocket(target.last, ben.accessToken);
    const body = { conversationIds: [to, "group_1"], client_msg_id: "f" };
    type Forwarded = { messages: MessageJson[]; failed: { conversationId: string; code: string }[] };
    const { status, data } = await call<Forwarded>("POST", `/messages/${sent.id}/forward`, body);
    expect(status).toBe(201);
    expect(data.messages).toMatchObject([
      { conversationId: to, content: "news", clientMsgId: "f:1", forwardedFrom: { messageId: sent.id } },
    ]);
    expect(data.failed).toEqual([{ conversationId: "group_1", code: "CONVERSATION_NOT_FOUND" }]);
    const pushed = await b.next("new-message", (frame) => frame.data.conversationId === to);
    expect(pushed.data).toMatchObject({ forwardedFrom: { messageId: sent.id, senderId: ann.userId } });
  });
}

function frames(): void {
  test("recall-message and react answer message-ack with the seq of the change", async () => {
    const id = await group();
    const sent = await send(id, "x");
    await using a = await openSocket(target.first, ann.accessToken);
    a.send("react", { messageId: sent.id, emoji: "👍", client_msg_id: "a1" }, "1");
    expect(await a.next("message-ack")).toMatchObject({
      id: "1",
      data: { client_msg_id: "a1", messageId: sent.id, status: "success", seqId: 2, conversationId: id },
    });
    a.send("react", { messageId: sent.id, emoji: "👍", client_msg_id: "a1" });
    expect((await a.next("message-ack")).data).toMatchObject({ seqId: 2, duplicate: true });
    a.send("react", { messageId: sent.id, emoji: "👍", remove: true });
    expect((await a.next("message-ack")).data).toMatchObject({ seqId: 3 });
    a.send("recall-message", { messageId: sent.id, reason: "x", client_msg_id: "a2" });
    expect((await a.next("message-ack")).data).toMatchObject({ client_msg_id: "a2", seqId: 4, status: "success" });
    await a.next("message-recalled");
    a.send("react", { messageId: sent.id, emoji: "👍" }, "9");
    expect(await a.next("error")).toMatchObject({ id: "9", data: { code: "MESSAGE_RECALLED" } });
    a.send("react", { messageId: sent.id, emoji: "" });
    expect((await a.next("error")).data).toMatchObject({ code: "INVALID_MESSAGE" });
  });
}
