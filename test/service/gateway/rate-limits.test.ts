import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { defaultRules, type Rules } from "../../../infra/ratelimit/rules.ts";
import { createRemoteClient } from "../../../infra/rpc/client.ts";
import { connectErrors } from "../../../proto/connect-errors.ts";
import type { AppError } from "../../../proto/errors.ts";
import { UserService } from "../../../proto/gen/gochat/logic/v1/user_service_pb.ts";
import { type Account, type Answer, newAccount, newGuest } from "../../support/api.ts";
import { opener, subprotocols, type TestSocket } from "../../support/socket.ts";
import { openTown, type Town } from "./gateway-fixture.ts";

/* Each rule of spec 60 §8 at the entrances that ask it: what fits passes, the next is refused and told when to come back,
 * and somebody else goes on. */

type RuleName = keyof typeof defaultRules;

let town: Town;
let ann: Account;
let ben: Account;
let guest: Account;
/** Of Ann and Ben. */
let group: string;
/** Of Ann, in the group. */
let message: string;
beforeAll(async () => {
  town = await openTown();
  ben = await newAccount(town.api);
});
afterAll(() => town?.[Symbol.asyncDispose]());

const text = { messageType: 1, content: "x" };
const call = <T = unknown>(by: Account | undefined, method: string, path: string, body?: object): Promise<Answer<T>> =>
  town.api.call<T>(method, path, body, by?.accessToken);

const pool: Account[] = [];
const uses = new Map<RuleName, number>();

/** Somebody whose bucket of the rule is full, with a group, a message in it, and a guest. Accounts cost two hashes each. */
async function newcomers(rule: RuleName): Promise<void> {
  const use = uses.get(rule) ?? 0;
  uses.set(rule, use + 1);
  ann = pool[use] ?? (await newAccount(town.api));
  pool[use] = ann;
  guest = await newGuest(town.api);
  const body = { type: 2, name: "a group", members: [ben.userId] };
  group = (await call<{ id: string }>(ann, "POST", "/conversations", body)).data.id;
  message = (await call<{ id: string }>(ann, "POST", `/conversations/${group}/messages`, text)).data.id;
}

/** The rules, with one token for each resource in `rule`, and a tenth of one in a second. */
const oneOf = (rule: RuleName, capacity = 1): Rules => ({
  ...defaultRules,
  // All sockets of these tests come from one address.
  ws_connect: { ...defaultRules.ws_connect, capacity: 1000 },
  [rule]: { ...defaultRules[rule], ratePerSecond: 0.1, capacity },
});

/** Runs `act` while one token of the rule is left for each resource. */
async function under(rule: RuleName, act: () => Promise<void>, capacity = 1): Promise<void> {
  await newcomers(rule);
  town.ratelimit.setRules(oneOf(rule, capacity));
  town.ratelimit.setEnabled(true);
  try {
    await act();
  } finally {
    town.ratelimit.setEnabled(false);
    town.ratelimit.setRules(defaultRules);
  }
}

interface Asked {
  readonly what: string;
  /** The `at`th request. */
  readonly ask: (by: Account, at: number) => Promise<Answer<unknown>>;
  readonly by?: () => Account;
}
const asked = (what: string, ask: Asked["ask"], by?: () => Account): Asked =>
  by === undefined ? { what, ask } : { what, ask, by };

const inWorld = (by: Account) => call(by, "POST", "/conversations/world/messages", text);
const sends = [
  asked("send", (by) => call(by, "POST", `/conversations/${group}/messages`, text)),
  asked("edit", (by, at) => call(by, "PUT", `/messages/${message}`, { content: `edit ${at}` })),
  asked("react", (by) => call(by, "PUT", `/messages/${message}/reactions/x`, {})),
  asked("take back", (by) => call(by, "DELETE", `/messages/${message}/reactions/x`)),
  asked("forward", (by) => call(by, "POST", `/messages/${message}/forward`, { conversationIds: [group] })),
];

/** Those that act on HTTP requests. */
const http: Readonly<Partial<Record<RuleName, readonly Asked[]>>> = {
  user_send_message: sends,
  guest_send_message: [asked("send", inWorld, () => guest)],
  world_send_message: [
    asked("send", inWorld),
    asked("forward", (by) => forward(by)),
    asked("a guest's", inWorld, () => guest),
  ],
  user_login_attempt: [
    asked("upgrade", (by) => call(by, "POST", "/auth/upgrade", { username: "x", password: "y" })),
    asked("password", (by) => call(by, "PUT", "/auth/password", { oldPassword: "x", newPassword: "y" })),
  ],
  friend_request: [asked("ask", (by, at) => call(by, "POST", "/friends/requests", { targetUserId: `${at + 1}` }))],
  create_group: [
    asked("create", (by) => call(by, "POST", "/conversations", { type: 2, name: "x", members: [guest.userId] })),
  ],
  draft: [asked("keep", (by) => call(by, "PUT", `/conversations/world/draft`, { content: "x" }))],
  search: [asked("users", (by) => call(by, "GET", "/users/search?q=ab"))],
  api_default: [asked("read", (by) => call(by, "GET", "/users/profile"))],
};
const forward = (by: Account): Promise<Answer<unknown>> =>
  call(by, "POST", `/messages/${message}/forward`, { conversationIds: ["world"] });

/** By address. */
const byAddress: Readonly<Partial<Record<RuleName, readonly (readonly [what: string, ...Request])[]>>> = {
  user_login_attempt: [
    ["sign in", "POST", "/auth/login", { username: "nobody", password: "wrong" }],
    ["register", "POST", "/auth/register", { username: "a b", password: "x" }],
    ["guest", "POST", "/auth/guest"],
  ],
  api_default: [["refresh", "POST", "/auth/refresh", { refreshToken: "x" }]],
  ip_total: [["any", "GET", "/users/profile"]],
};
type Request = readonly [method: string, path: string, body?: object];

function expectRefused({ status, code, headers, details }: Answer<unknown>, limit = 1): void {
  expect([status, code]).toEqual([429, "RATE_LIMITED"]);
  const number = (name: string): number => Number(headers.get(name));
  // A tenth of a token in a second.
  expect(number("retry-after")).toBeWithin(1, 11);
  expect(Number(details?.retryAfterMs)).toBeWithin(1, 10_001);
  expect([number("x-ratelimit-limit"), number("x-ratelimit-remaining")]).toEqual([limit, 0]);
  expect(number("x-ratelimit-reset")).toBe(number("retry-after"));
}

type Row = Asked & { readonly rule: RuleName };
const rowsOf = (table: Readonly<Partial<Record<RuleName, readonly Asked[]>>>): Row[] =>
  Object.entries(table).flatMap(([rule, all]) => all.map((one) => ({ ...one, rule: rule as RuleName })));

describe("60 §8: over HTTP", () => {
  test.each(rowsOf(http))("$rule: $what, by account", async ({ rule, ask, by = () => ann }) => {
    await under(rule, async () => {
      expect((await ask(by(), 0)).code).not.toBe("RATE_LIMITED");
      expectRefused(await ask(by(), 1));
      if (uses.get(rule) === 1) expect((await ask(ben, 2)).code).not.toBe("RATE_LIMITED");
    });
  });

  const addressed = Object.entries(byAddress).flatMap(([rule, all]) =>
    all.map(([what, ...request]) => ({ rule: rule as RuleName, what, request })),
  );
  test.each(addressed)("$rule: $what, by address", async ({ rule, request: [method, path, body] }) => {
    // Everybody here comes from the same address: the bucket is that of a place of its own.
    await using own = await openTown();
    own.ratelimit.setRules(oneOf(rule));
    own.ratelimit.setEnabled(true);
    const ask = () => own.api.call(method, path, body);
    expect((await ask()).code).not.toBe("RATE_LIMITED");
    expectRefused(await ask());
  });
});

describe("60 §8: over Connect", () => {
  const rpc = (method: string, body: object): Promise<Response> =>
    fetch(`${town.url}/gochat.logic.v1.${method}`, {
      method: "POST",
      headers: { Authorization: `Bearer ${ann.accessToken}`, "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
  const calls: Readonly<Partial<Record<RuleName, readonly [string, () => object]>>> = {
    user_send_message: ["MessageService/SendMessage", () => ({ conversationId: group, type: 1, content: "x" })],
    world_send_message: ["MessageService/SendMessage", () => ({ conversationId: "world", type: 1, content: "x" })],
    create_group: ["ConversationService/CreateConversation", () => ({ type: 2, name: "x", memberIds: [ben.userId] })],
    friend_request: ["FriendService/SendFriendRequest", () => ({ targetId: "1" })],
    search: ["FriendService/SearchUsers", () => ({ query: "ab" })],
    draft: ["ConversationService/SetDraft", () => ({ conversationId: "world", content: "x" })],
    api_default: ["UserService/GetProfile", () => ({})],
  };
  test.each(Object.entries(calls))("%s: %p", async (rule, [method, body]) => {
    await under(rule as RuleName, async () => {
      expect((await rpc(method, body())).status).not.toBe(429);
      const refused = await rpc(method, body());
      expect([refused.status, ((await refused.json()) as { code: string }).code]).toEqual([429, "resource_exhausted"]);
    });
  });
});

describe("60 §8: asked of every request, by address and for the machine", () => {
  const machine = (capacity: number): Rules => ({
    ...defaultRules,
    machine_qps: { mode: "local", ratePerSecond: 0.1, capacity },
  });
  /** A place of its own: its address, and its machine, have asked nothing yet. */
  async function openUnder(rules: Rules): Promise<Town> {
    const own = await openTown();
    own.ratelimit.setRules(rules);
    own.ratelimit.setEnabled(true);
    return own;
  }
  const profileOver = (own: Town, protocol: "connect" | "grpc-web", json: boolean): Promise<unknown> =>
    createRemoteClient(UserService, { baseUrl: own.url, errors: connectErrors, protocol, json })
      .getProfile({})
      .then(
        () => "ok",
        ({ code, details }: AppError) => ({ code, retryAfterMs: details?.retryAfterMs }),
      );
  const refused = { code: "RATE_LIMITED", retryAfterMs: expect.any(Number) };

  const protocols = [
    ["connect", false],
    ["connect", true],
    ["grpc-web", false],
  ] as const;
  test.each(protocols)("ip_total and machine_qps: %s, json %p: an error of the protocol", async (protocol, json) => {
    for (const rules of [oneOf("ip_total"), machine(1)]) {
      await using own = await openUnder(rules);
      expect(await profileOver(own, protocol, json)).toMatchObject({ code: "UNAUTHORIZED" });
      expect(await profileOver(own, protocol, json)).toEqual(refused);
    }
  });

  test("machine_qps: off by default; set, one bucket for requests, calls and upgrades of everybody", async () => {
    await using own = await openUnder(defaultRules);
    const { accessToken } = await newGuest(own.api);
    own.ratelimit.setRules(machine(3));
    expect((await own.api.call("GET", "/users/profile")).code).toBe("UNAUTHORIZED");
    expect(await profileOver(own, "connect", false)).toMatchObject({ code: "UNAUTHORIZED" });
    await using _ = await opener("gochat.v1.json")(own.url, accessToken);
    expectRefused(await own.api.call("GET", "/users/profile"), 3);
    expect(await profileOver(own, "connect", false)).toEqual(refused);
    expect(await opener("gochat.v1.json")(own.url, accessToken).catch(String)).toContain("429");
    // Whoever watches the machine is answered.
    expect((await fetch(`${own.url}/health`)).status).toBe(200);
    own.ratelimit.setRules(defaultRules);
    expect((await own.api.call("GET", "/users/profile")).code).toBe("UNAUTHORIZED");
  });
});

async function refusedFrame(socket: TestSocket, id: string): Promise<void> {
  const { data } = await socket.next("error", (frame) => frame.id === id);
  expect(data).toMatchObject({ code: "RATE_LIMITED" });
  expect(Number((data.details as { retryAfterMs: number }).retryAfterMs)).toBeWithin(1, 10_001);
}

/** Those that act on frames: what is sent twice. */
const frames: Readonly<Partial<Record<RuleName, readonly (readonly [string, () => object, (() => Account)?])[]>>> = {
  user_send_message: [
    ["send-message", () => ({ ...text, conversationId: group })],
    ["react", () => ({ messageId: message, emoji: "x" })],
  ],
  guest_send_message: [["send-message", () => ({ ...text, conversationId: "world" }), () => guest]],
  world_send_message: [["send-message", () => ({ ...text, conversationId: "world" })]],
};

describe.each(subprotocols)("60 §8: over %s", (subprotocol) => {
  const open = opener(subprotocol);
  const rows = Object.entries(frames).flatMap(([rule, all]) => all.map((one) => [rule as RuleName, ...one] as const));

  test.each(rows)("%s: %s", async (rule, type, data, by = () => ann) => {
    await under(rule, async () => {
      await using socket = await open(town.url, by().accessToken);
      socket.send(type, data(), "first");
      await socket.next("message-ack", ({ id }) => id === "first");
      socket.send(type, data(), "second");
      await refusedFrame(socket, "second");
      socket.send("ping");
      await socket.next("pong");
    });
  });

  test("ws_frames: whatever they are, by socket", async () => {
    await under("ws_frames", async () => {
      await using socket = await open(town.url, ann.accessToken);
      await using other = await open(town.url, ann.accessToken);
      socket.send("ping");
      await socket.next("pong");
      socket.send("presence", { state: "active" });
      const { data } = await socket.next("error");
      expect(data).toMatchObject({ code: "RATE_LIMITED", details: { retryAfterMs: expect.any(Number) } });
      other.send("ping");
      await other.next("pong");
    });
  });

  test("ws_bytes: by socket; the fifth violation within 10 s closes it with 4029", async () => {
    await under(
      "ws_bytes",
      async () => {
        await using socket = await open(town.url, ann.accessToken);
        socket.send("ping");
        await socket.next("pong");
        const large = { token: "x".repeat(300) };
        for (let at = 0; at < 4; at += 1) {
          socket.send("refresh-auth", large);
          expect((await socket.next("error")).data).toMatchObject({ code: "RATE_LIMITED" });
        }
        socket.send("refresh-auth", large);
        expect(await socket.closed).toBe(4029);
      },
      200,
    );
  });

  test("ws_connect: HTTP 429 before the upgrade, by address", async () => {
    await using own = await openTown();
    const { accessToken } = await newGuest(own.api);
    own.ratelimit.setRules(oneOf("ws_connect"));
    own.ratelimit.setEnabled(true);
    await using _ = await open(own.url, accessToken);
    expect(await open(own.url, accessToken).catch(String)).toContain("429");
  });
});

test("60 §8: every rule acts at an entrance here", () => {
  const onSocket = ["ws_frames", "ws_bytes", "ws_connect"];
  const tested = new Set([...Object.keys(http), ...Object.keys(byAddress), ...Object.keys(frames), ...onSocket]);
  expect([...tested].sort()).toEqual(Object.keys(defaultRules).sort());
});
