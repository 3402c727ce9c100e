import { describe, expect, test } from "bun:test";
import type { FriendJson as Friend, FriendRequestJson as FriendRequest, UserJson } from "#proto/objects.ts";
import { createManualClock } from "./clock.ts";
import { ClientError, codeOf } from "./errors.ts";
import type { FriendEvent } from "./friend-frames.ts";
import { createFriends } from "./friends.ts";
import type { HttpRequest } from "./http.ts";
import { createPresence } from "./presence.ts";

const me: UserJson = { id: "1", username: "me", isGuest: false, createdAt: 1 };
const settle = async () => {
  for (let i = 0; i < 50; i++) await Promise.resolve();
};
const person = (id: string, username: string) => ({ id, username, isGuest: false });
const friend = (id: string, username: string, more: Partial<Friend> = {}): Friend => ({
  userId: "1",
  friendId: id,
  status: 1,
  createdAt: 1,
  friend: person(id, username),
  ...more,
});
const request = (id: string, from: string, to: string): FriendRequest => ({
  id,
  requesterId: from,
  targetId: to,
  status: 0,
  createdAt: Number(id),
  requester: person(from, `user${from}`),
  target: person(to, `user${to}`),
});

function setup(user: UserJson | undefined = me) {
  const clock = createManualClock();
  const asked: string[] = [];
  const events: FriendEvent[] = [];
  const server = {
    user: user as UserJson | undefined,
    friends: [friend("2", "ben", { online: true }), friend("3", "ann", { lastSeen: 50 })],
    removed: [] as string[],
    received: [request("10", "4", "1"), request("11", "5", "1")],
    sent: [] as FriendRequest[],
    blocked: [] as Friend[],
    /** Fails what changes something. */
    fail: undefined as ClientError | undefined,
    /** Holds what changes something back. */
    gate: Promise.resolve(),
  };
  const read = (path: string, query: HttpRequest["query"]): object => {
    if (path === "/friends") return { friends: server.friends, removed: server.removed, serverTime: 99 };
    if (path === "/blocks") return { blocked: server.blocked, hasMore: false };
    if (path === "/friends/requests") return { requests: query?.type === "sent" ? server.sent : server.received };
    return {
      statuses: String(query?.ids)
        .split(",")
        .map((userId) => ({ userId, isOnline: userId === "3" })),
    };
  };
  const call = async ({ method, path, query, body }: HttpRequest): Promise<unknown> => {
    const since = query?.last_sync === undefined ? "" : ` since ${query.last_sync}`;
    asked.push(`${method} ${path}${since}`);
    if (method === "GET") return read(path, query);
    await server.gate;
    if (server.fail !== undefined) throw server.fail;
    if (path === "/friends/requests") return { request: request("20", "1", String(Object(body).targetUserId)) };
    return path.startsWith("/friends/requests/") ? { request: {}, conversation: { id: "c" } } : undefined;
  };
  const presence = createPresence({ call, registered: () => true, onChange: () => undefined });
  const friends = createFriends({
    call,
    presence,
    clock,
    random: () => 0.5,
    me: () => server.user,
    onChange: () => undefined,
    onEvent: (event) => events.push(event),
  });
  const push = (type: string, data: object) => friends.onFrame({ type, data });
  const names = () => friends.list().map((one) => one.remark ?? one.friend?.username);
  return { friends, presence, server, asked, events, clock, push, names };
}

describe("reading", () => {
  test("10 §8: all at first, with who is online; then what changed since the server's time", async () => {
    const { friends, presence, server, asked, names } = setup();
    expect(friends.loaded()).toBe(false);
    await friends.refresh();
    expect(friends.loaded()).toBe(true);
    expect(names()).toEqual(["ann", "ben"]);
    expect(friends.received().map(({ id }) => id)).toEqual(["11", "10"]);
    expect([presence.of("2"), presence.of("3")]).toEqual([
      { online: true, lastSeen: undefined },
      { online: false, lastSeen: 50 },
    ]);
    server.friends = [friend("3", "ann", { remark: "Zoe" })];
    server.removed = ["2"];
    asked.length = 0;
    await friends.refresh();
    expect(names()).toEqual(["Zoe"]);
    expect(asked).toContain("GET /friends since 99");
    expect(presence.of("3")?.online).toBe(true);
  });

  test("a reconnect asks for what changed, spread over 3 s, when the application wants friends at all", async () => {
    const { friends, asked, clock } = setup();
    friends.connected();
    clock.advance(10_000);
    expect(asked).toEqual([]);
    await friends.refresh();
    asked.length = 0;
    friends.connected();
    friends.connected();
    clock.advance(1_499);
    expect(asked).toEqual([]);
    clock.advance(1);
    await settle();
    expect(asked.filter((one) => one.startsWith("GET /friends since")).length).toBe(1);
  });

  test("a guest has none and asks for none; who signs out leaves nothing behind", async () => {
    const guest = setup({ ...me, isGuest: true });
    await guest.friends.refresh();
    expect([guest.asked, guest.friends.loaded()]).toEqual([[], false]);
    const { friends, server } = setup();
    const onItsWay = friends.refresh();
    friends.clear();
    server.user = undefined;
    await onItsWay;
    expect([friends.list(), friends.received(), friends.loaded()]).toEqual([[], [], false]);
  });
});

describe("frames of spec 20 §5", () => {
  test("friend-request, friend-added and friend-removed change the lists, and are told", async () => {
    const { friends, push, events, names, presence } = setup();
    await friends.refresh();
    push("friend-request", { requestId: "12", requester: person("6", "cat"), message: "hi", event: "received" });
    expect(friends.received()[0]).toMatchObject({ id: "12", requesterId: "6", message: "hi", status: 0 });
    push("friend-added", { friend: friend("6", "cat"), conversationId: "c" });
    expect(names()).toEqual(["ann", "ben", "cat"]);
    expect(friends.received().map(({ id }) => id)).toEqual(["11", "10"]);
    await settle();
    expect(presence.of("6")).toBeDefined();
    push("friend-removed", { userId: "2" });
    expect(names()).toEqual(["ann", "cat"]);
    push("friend-removed", {});
    push("friend-request", { event: "received" });
    expect(events.map(({ type }) => type)).toEqual(["requested", "added", "removed"]);
  });

  test("the other side's answer closes the own request; a remark outlives a push without one", async () => {
    const { friends, push, server, names } = setup();
    server.friends = [friend("2", "ben", { remark: "Benny" })];
    await friends.refresh();
    await friends.ask("8", "hello");
    expect(friends.sent().map(({ targetId }) => targetId)).toEqual(["8"]);
    push("friend-request", { requestId: "20", requester: person("1", "me"), event: "rejected" });
    expect(friends.sent()).toEqual([]);
    push("friend-added", { friend: friend("2", "ben"), conversationId: "c" });
    expect(names()).toEqual(["Benny"]);
  });

  test("what is pushed while the list is on its way makes it asked for again", async () => {
    const { friends, push, server, asked, names } = setup();
    await friends.refresh();
    asked.length = 0;
    const stale = friends.refresh();
    server.friends = [];
    server.removed = ["2"];
    push("friend-removed", { userId: "2" });
    await stale;
    await settle();
    expect(asked.filter((one) => one.startsWith("GET /friends since")).length).toBe(2);
    expect(names()).toEqual(["ann"]);
  });
});

describe("changes show at once", () => {
  async function held() {
    const it = setup();
    await it.friends.refresh();
    let open = () => undefined as unknown;
    it.server.gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    return { ...it, open: () => open() };
  }

  test("accepting makes a friend before the server has answered, and answers the conversation", async () => {
    const { friends, open, names } = await held();
    const accepted = friends.accept("10");
    expect(names()).toEqual(["ann", "ben", "user4"]);
    expect(friends.received().map(({ id }) => id)).toEqual(["11"]);
    open();
    expect((await accepted)?.id).toBe("c");
    expect(names()).toEqual(["ann", "ben", "user4"]);
  });

  test("a refusal takes it back and asks the server how things are", async () => {
    const { friends, open, server, names, asked } = await held();
    server.fail = new ClientError("FRIEND_REQUEST_ALREADY_HANDLED");
    server.friends = [];
    server.received = [];
    const accepted = friends.accept("10").catch(codeOf);
    expect(names()).toContain("user4");
    asked.length = 0;
    open();
    expect(String(await accepted)).toBe("FRIEND_REQUEST_ALREADY_HANDLED");
    await settle();
    expect(names()).toEqual(["ann", "ben"]);
    expect(friends.received()).toEqual([]);
    expect(asked).toContain("GET /friends since 99");
  });

  test("blocking ends the friendship and open requests, unblocking asks whether it is back", async () => {
    const { friends, open, server, names } = await held();
    const blocking = friends.block("2");
    expect([names(), friends.isBlocked("2")]).toEqual([["ann"], true]);
    expect(friends.blocked()[0]?.friend?.username).toBe("ben");
    void friends.block("4");
    expect(friends.received().map(({ id }) => id)).toEqual(["11"]);
    open();
    await blocking;
    server.friends = [friend("2", "ben")];
    await friends.unblock("2");
    await settle();
    expect([names(), friends.isBlocked("2")]).toEqual([["ann", "ben"], false]);
  });

  test("a remark is set and taken away; who is no friend any more is removed all the same", async () => {
    const { friends, open, server, names } = await held();
    open();
    await friends.remark("2", "Aardvark");
    expect(names()).toEqual(["Aardvark", "ann"]);
    await friends.remark("2", "");
    expect(names()).toEqual(["ann", "ben"]);
    server.fail = new ClientError("NOT_FRIENDS");
    await friends.remove("2");
    expect(names()).toEqual(["ann"]);
  });

  test("an answer that was on its way does not undo a change that was made meanwhile", async () => {
    const { friends, open, server, names } = await held();
    const removing = friends.remove("2");
    server.friends = [friend("2", "ben")];
    await friends.refresh();
    expect(names()).toEqual(["ann", "ben"]);
    server.friends = [];
    server.removed = ["2"];
    open();
    await removing;
    expect(names()).toEqual(["ann"]);
  });
});
