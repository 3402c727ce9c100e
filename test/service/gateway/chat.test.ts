import { afterAll, beforeAll, expect, test } from "bun:test";
import { type HistoryJson, type MessageJson, newAccount, newGuest, wholeHistory } from "../../support/api.ts";
import { opener, openSocket, subprotocols } from "../../support/socket.ts";
import { openTown, type Town } from "./gateway-fixture.ts";

let town: Town;
beforeAll(async () => {
  town = await openTown();
});
afterAll(() => town[Symbol.asyncDispose]());

test.each(subprotocols)(
  "%s: world: two people see each other's messages, acked once, in one order",
  async (subprotocol) => {
    const openSocket = opener(subprotocol);
    const [ann, bob] = [await newAccount(town.api, "ann"), await newGuest(town.api)];
    await using a = await openSocket(town.url, ann.accessToken);
    await using b = await openSocket(town.url, bob.accessToken, { by: "subprotocol" });
    expect(b.socket.protocol).toBe(subprotocol);
    a.send("send-message", { conversationId: "world", content: "hello", messageType: 1, client_msg_id: "a-1" }, "f1");
    const ack = await a.next("message-ack");
    expect(ack).toMatchObject({ id: "f1", data: { client_msg_id: "a-1", status: "success", conversationId: "world" } });
    const pushed = await b.next("new-message");
    expect(pushed.data).toMatchObject({ id: ack.data.messageId, content: "hello", seqId: ack.data.seqId });
    // 20 §2: in a room every session gets the push, the sending one its ack as well.
    await a.next("new-message");
    b.send("send-message", { conversationId: "world", content: "hi", messageType: 1, clientMsgId: "b-1" });
    await b.next("message-ack");
    const answer = await a.next("new-message");
    expect(answer.data).toMatchObject({ content: "hi", sender: { username: bob.username } });
    expect(Number(answer.data.seqId)).toBe(Number(ack.data.seqId) + 1);
  },
);

test.each(subprotocols)(
  "%s: G3: the same client_msg_id over the socket, HTTP and again is one message",
  async (subprotocol) => {
    const openSocket = opener(subprotocol);
    const ann = await newAccount(town.api);
    await using a = await openSocket(town.url, ann.accessToken, { by: "query" });
    const body = { conversationId: "world", content: "once", messageType: 1, client_msg_id: "same" };
    a.send("send-message", body);
    const first = await a.next("message-ack");
    a.send("send-message", body);
    const second = await a.next("message-ack");
    expect(second.data).toMatchObject({ messageId: first.data.messageId, duplicate: true });
    const http = await town.api.call<MessageJson>("POST", "/conversations/world/messages", body, ann.accessToken);
    expect(http.status).toBe(200);
    expect(http.data.id).toBe(String(first.data.messageId));
    const other = await town.api.call("POST", "/messages", { ...body, content: "other" }, ann.accessToken);
    expect([other.status, other.code]).toEqual([409, "IDEMPOTENCY_CONFLICT"]);
  },
);

test.each(subprotocols)(
  "%s: single chat: listed push to the others, only the ack to the sending session",
  async (subprotocol) => {
    const openSocket = opener(subprotocol);
    const [ann, bob] = [await newAccount(town.api), await newAccount(town.api)];
    const created = await town.api.call<{ id: string }>(
      "POST",
      "/conversations",
      { type: 1, members: [bob.userId] },
      ann.accessToken,
    );
    expect(created.status).toBe(201);
    const { id } = created.data;
    const again = await town.api.call("POST", "/conversations", { type: 1, members: [bob.userId] }, ann.accessToken);
    expect(again.status).toBe(200);
    await using a1 = await openSocket(town.url, ann.accessToken);
    await using a2 = await openSocket(town.url, ann.accessToken, { query: { v: "1" } });
    await using b = await openSocket(town.url, bob.accessToken, { query: { v: "1", platform: "web", deviceId: "d" } });
    a1.send("send-message", { conversationId: id, content: "psst", messageType: 1, client_msg_id: "1" });
    const ack = await a1.next("message-ack");
    expect((await b.next("new-message")).data).toMatchObject({ content: "psst", conversationId: id });
    expect((await a2.next("new-message")).data).toMatchObject({ content: "psst" });
    const http = await town.api.call(
      "POST",
      `/conversations/${id}/messages`,
      { content: "by http", messageType: 1 },
      ann.accessToken,
    );
    expect(http.status).toBe(201);
    await a1.next("new-message", ({ data }) => data.content === "by http");
    expect(a1.frames.filter(({ data }) => data.content === "psst")).toEqual([]);

    const unread = await town.api.call<{ total: number; counts: object[] }>(
      "GET",
      "/conversations/unread",
      undefined,
      bob.accessToken,
    );
    expect(unread.data.counts).toContainEqual({ conversationId: id, unreadCount: 2 });
    b.send("mark-read", { conversationId: id, seqId: Number(ack.data.seqId) });
    expect((await b.next("read-ack")).data).toEqual({
      conversationId: id,
      lastReadSeqId: Number(ack.data.seqId),
      unreadCount: 1,
    });
    const read = await town.api.call("PUT", `/conversations/${id}/read`, { seqId: 1000 }, bob.accessToken);
    expect(read.data).toMatchObject({ unreadCount: 0 });
  },
);

test("10 §1: history in both directions, complete ranges, both cursors refused", async () => {
  const [ann, bob] = [await newAccount(town.api), await newAccount(town.api)];
  const { data } = await town.api.call<{ id: string }>(
    "POST",
    "/conversations",
    { type: 2, name: "talk", members: [bob.userId] },
    ann.accessToken,
  );
  const path = `/conversations/${data.id}/messages`;
  for (let index = 1; index <= 7; index += 1) {
    const sent = await town.api.call("POST", path, { content: `m${index}`, messageType: 1 }, ann.accessToken);
    expect(sent.status).toBe(201);
  }
  const page = async (query: string) =>
    (await town.api.call<HistoryJson>("GET", `${path}?${query}`, undefined, bob.accessToken)).data;
  const last = await page("limit=3");
  const seqs = (history: HistoryJson) => history.messages.map(({ seqId }) => seqId);
  expect(seqs(last)).toEqual([7, 6, 5]);
  expect(last).toMatchObject({ hasMore: true, latestSeqId: 7, completeFrom: 5, completeTo: 7, nextCursor: 5 });
  expect(seqs(await page(`limit=10&cursor=${last.nextCursor}`))).toEqual([4, 3, 2, 1]);
  expect(seqs(await page("after_seq=5"))).toEqual([6, 7]);
  expect(await page("cursor=1")).toMatchObject({ messages: [], hasMore: false, completeFrom: 1, completeTo: 0 });
  expect(seqs(await page("after_seq=7"))).toEqual([]);
  const both = await town.api.call("GET", `${path}?cursor=1&after_seq=1`, undefined, bob.accessToken);
  expect([both.status, both.code]).toEqual([400, "INVALID_PARAMETER"]);
  expect((await wholeHistory(town.api, data.id, bob.accessToken)).map(({ content }) => content)).toEqual(
    Array.from({ length: 7 }, (_, index) => `m${index + 1}`),
  );
  const stranger = await newAccount(town.api);
  const refused = await town.api.call("GET", path, undefined, stranger.accessToken);
  expect([refused.status, refused.code]).toEqual([403, "NOT_CONVERSATION_MEMBER"]);
  const one = await town.api.call<{ members: object[] }>(
    "GET",
    `/conversations/${data.id}`,
    undefined,
    bob.accessToken,
  );
  expect(one.data).toMatchObject({ name: "talk", type: 2, memberCount: 2, ownerId: ann.userId });
  expect(one.data.members).toHaveLength(2);
  const members = await town.api.call<{ members: object[] }>(
    "GET",
    `/conversations/${data.id}/members?role=3`,
    undefined,
    bob.accessToken,
  );
  expect(members.data.members).toMatchObject([{ userId: ann.userId, role: 3 }]);
});

test.each(subprotocols)(
  "%s: 20 §7: sync answers rows above the marks; ping, presence and refresh-auth are answered",
  async (subprotocol) => {
    const openSocket = opener(subprotocol);
    const ann = await newAccount(town.api);
    const sent = await town.api.call<MessageJson>(
      "POST",
      "/messages",
      { conversationId: "world", content: "synced", messageType: 1 },
      ann.accessToken,
    );
    await using a = await openSocket(town.url, ann.accessToken);
    a.send("sync", { conversations: [{ id: "world", afterSeq: sent.data.seqId - 1 }] }, "s");
    const result = await a.next("sync-result");
    expect(result.id).toBe("s");
    expect(result.data).toMatchObject({
      done: true,
      conversations: [{ id: "world", messages: [{ content: "synced" }], latestSeqId: sent.data.seqId, hasMore: false }],
    });
    a.send("ping", undefined, "p");
    expect(await a.next("pong")).toMatchObject({ id: "p" });
    a.send("presence", { state: "background" });
    const fresh = await town.api.call<{ accessToken: string }>("POST", "/auth/refresh", {
      refreshToken: ann.refreshToken,
    });
    a.send("refresh-auth", { token: fresh.data.accessToken }, "r");
    expect(await a.next("auth-refreshed")).toMatchObject({ id: "r" });
    const bob = await newAccount(town.api);
    a.send("refresh-auth", { token: bob.accessToken });
    expect((await a.next("error")).data).toMatchObject({ code: "AUTH_FAILED" });
    expect(await a.closed).toBe(4001);
  },
);

test("10 §4: profile, search and other users", async () => {
  const [ann, bob] = [await newAccount(town.api, "zelda"), await newAccount(town.api, "zelda")];
  const updated = await town.api.call("PUT", "/users/profile", { avatarUrl: "https://x.test/a.png" }, ann.accessToken);
  expect(updated.data).toMatchObject({ id: ann.userId, avatarUrl: "https://x.test/a.png" });
  const own = await town.api.call("GET", "/users/info", undefined, ann.accessToken);
  expect(own.data).toMatchObject({ username: ann.username, isGuest: false, status: 0 });
  const found = await town.api.call<{ users: { id: string }[] }>(
    "GET",
    "/users/search?q=zelda",
    undefined,
    ann.accessToken,
  );
  expect(found.data.users.map(({ id }) => id)).toEqual([bob.userId]);
  const other = await town.api.call("GET", `/users/${bob.userId}`, undefined, ann.accessToken);
  expect(other.data).toMatchObject({ username: bob.username });
  const guest = await newGuest(town.api);
  const refused = await town.api.call("GET", "/users/search?q=x", undefined, guest.accessToken);
  expect([refused.status, refused.code]).toEqual([403, "GUEST_FORBIDDEN"]);
});

test("10 §3: logout ends the token, the refresh token and the sockets of the session", async () => {
  const ann = await newAccount(town.api);
  await using a = await openSocket(town.url, ann.accessToken);
  expect((await town.api.call("POST", "/auth/logout", {}, ann.accessToken)).status).toBe(200);
  expect(await a.closed).toBe(4004);
  const after = await town.api.call("GET", "/users/profile", undefined, ann.accessToken);
  expect([after.status, after.code]).toEqual([401, "INVALID_TOKEN"]);
  expect(await openSocket(town.url, ann.accessToken).catch(String)).toContain("401");
  const refresh = await town.api.call("POST", "/auth/refresh", { refresh_token: ann.refreshToken });
  expect(refresh.status).toBe(401);
});

test("the list of conversations: world first, pages, filters", async () => {
  const ann = await newAccount(town.api);
  const { data } = await town.api.call<{ conversations: { id: string; lastSeqId: number }[]; hasMore: boolean }>(
    "GET",
    "/conversations?size=50",
    undefined,
    ann.accessToken,
  );
  expect(data.conversations.map(({ id }) => id)).toEqual(["world"]);
  expect(data.hasMore).toBe(false);
  const groups = await town.api.call<{ conversations: object[] }>(
    "GET",
    "/conversations?type=2",
    undefined,
    ann.accessToken,
  );
  expect(groups.data.conversations).toEqual([]);
});
