import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Account, type Api, createApi, type HistoryJson, newAccount, newGuest } from "./api.ts";
import { failure, openSocket, startSocket } from "./socket.ts";
import type { Target } from "./target.ts";

let target: Target;
let api: Api;
let ann: Account;

/** What is no good, over HTTP at the first gateway and over WebSocket at the last one of what `start` starts. */
export function badInput(start: () => Promise<Target>): void {
  beforeAll(async () => {
    target = await start();
    api = createApi(target.first);
    ann = await newAccount(api, "ann");
  });
  afterAll(() => target?.[Symbol.asyncDispose]());

  describe("frames that are refused: an error frame, nothing stored, the connection stays (spec 20 §3, §8)", frames);
  describe("upgrades that are refused: HTTP 401 with the error envelope (spec 20 §1)", upgrades);
  describe("HTTP requests that are refused (spec 10, ERRORS.md)", requests);
  test("SQL in every string is stored as it was written", storedAsWritten);
}

const sql = `'); DROP TABLE messages; -- " OR 1=1`;
const good = (content: string, id: string) => ({
  conversationId: "world",
  content,
  messageType: 1,
  client_msg_id: id,
});

/** Runs `act` and fails when it stored anything in the world room. */
async function storesNothing(act: () => Promise<void>): Promise<void> {
  const before = (await world("limit=1")).latestSeqId;
  await act();
  expect((await world("limit=1")).latestSeqId).toBe(before);
}

async function world(query: string): Promise<HistoryJson> {
  const path = `/conversations/world/messages?${query}`;
  return (await api.call<HistoryJson>("GET", path, undefined, ann.accessToken)).data;
}

function frames(): void {
  const all: readonly [name: string, text: string, code: string][] = [
    ["malformed JSON", '{"type":"send-message",', "INVALID_MESSAGE"],
    ["JSON that is no object", "[1,2]", "INVALID_MESSAGE"],
    ["no type", '{"data":{}}', "INVALID_MESSAGE"],
    ["an unknown type", '{"type":"fly"}', "INVALID_MESSAGE"],
    ["no data", '{"type":"send-message"}', "INVALID_MESSAGE"],
    [
      "a missing conversation",
      JSON.stringify({ type: "send-message", data: { ...good("x", "a"), conversationId: undefined } }),
      "INVALID_MESSAGE",
    ],
    [
      "a conversation that is a number",
      JSON.stringify({ type: "send-message", data: { ...good("x", "a"), conversationId: 7 } }),
      "INVALID_MESSAGE",
    ],
    [
      "missing content",
      JSON.stringify({ type: "send-message", data: { ...good("x", "a"), content: undefined } }),
      "INVALID_MESSAGE",
    ],
    ["blank content", JSON.stringify({ type: "send-message", data: good("  \n", "a") }), "INVALID_MESSAGE"],
    [
      "content of 5001 characters",
      JSON.stringify({ type: "send-message", data: good("x".repeat(5001), "a") }),
      "MESSAGE_TOO_LARGE",
    ],
    [
      "content of more than 16 KiB",
      JSON.stringify({ type: "send-message", data: good("😀".repeat(4200), "a") }),
      "MESSAGE_TOO_LARGE",
    ],
    ["NUL in the content", JSON.stringify({ type: "send-message", data: good("a\u0000b", "a") }), "INVALID_MESSAGE"],
    [
      "a lone surrogate",
      '{"type":"send-message","data":{"conversationId":"world","messageType":1,"content":"\\ud800","client_msg_id":"a"}}',
      "INVALID_MESSAGE",
    ],
    [
      "a type that clients may not send",
      JSON.stringify({ type: "send-message", data: { ...good("x", "a"), messageType: 4 } }),
      "INVALID_MESSAGE",
    ],
    [
      "a type that is a text",
      JSON.stringify({ type: "send-message", data: { ...good("x", "a"), messageType: "one" } }),
      "INVALID_MESSAGE",
    ],
    [
      "a client_msg_id of 65 characters",
      JSON.stringify({ type: "send-message", data: good("x", "i".repeat(65)) }),
      "INVALID_MESSAGE",
    ],
    [
      "a client_msg_id outside ASCII",
      JSON.stringify({ type: "send-message", data: good("x", "é") }),
      "INVALID_MESSAGE",
    ],
    [
      "extra that is no JSON",
      JSON.stringify({ type: "send-message", data: { ...good("x", "a"), extra: "{" } }),
      "INVALID_MESSAGE",
    ],
    [
      "a reply to no number",
      JSON.stringify({ type: "send-message", data: { ...good("x", "a"), replyToMessageId: "abc" } }),
      "INVALID_MESSAGE",
    ],
    ["mark-read without a seq", '{"type":"mark-read","data":{"conversationId":"world"}}', "INVALID_MESSAGE"],
    ["mark-read below 0", '{"type":"mark-read","data":{"conversationId":"world","seqId":-1}}', "INVALID_MESSAGE"],
    [
      "a sync of 51 conversations",
      JSON.stringify({
        type: "sync",
        data: { conversations: Array.from({ length: 51 }, () => ({ id: "world", afterSeq: 0 })) },
      }),
      "INVALID_MESSAGE",
    ],
  ];
  for (const [name, text, code] of all) {
    test(name, async () => {
      await using socket = await openSocket(target.last, ann.accessToken);
      await storesNothing(async () => {
        socket.sendText(text);
        expect((await socket.next("error")).data).toMatchObject({ code });
        socket.send("ping", undefined, "still here");
        expect(await socket.next("pong")).toMatchObject({ id: "still here" });
      });
    });
  }

  test("a frame over 64 KiB closes the connection with 1009", async () => {
    const socket = await openSocket(target.last, ann.accessToken);
    await storesNothing(async () => {
      socket.sendText(JSON.stringify({ type: "send-message", data: good("x".repeat(70_000), "big") }));
      expect(await socket.closed).toBe(1009);
    });
  });

  test("an unknown conversation is answered by a failed ack", async () => {
    await using socket = await openSocket(target.last, ann.accessToken);
    socket.send("send-message", { ...good("x", "nowhere"), conversationId: "group_123" });
    expect((await socket.next("message-ack")).data).toMatchObject({ status: "failed", code: "CONVERSATION_NOT_FOUND" });
  });
}

function upgrades(): void {
  const upgrade = (query: string, headers: Record<string, string> = {}) =>
    fetch(`${target.last}/ws${query}`, {
      headers: {
        Connection: "Upgrade",
        Upgrade: "websocket",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
        ...headers,
      },
    });
  const refused: readonly [name: string, query: string, headers: Record<string, string>][] = [
    ["no token", "", {}],
    ["a token that is no JWT", "?token=abc", {}],
    ["a scheme that is not Bearer", "", { Authorization: "Basic YTpi" }],
    ["an empty bearer", "", { Authorization: "Bearer " }],
    ["SQL as token", `?token=${encodeURIComponent(sql)}`, {}],
  ];
  for (const [name, query, headers] of refused) {
    test(name, async () => {
      const answer = await upgrade(query, headers);
      expect(answer.status).toBe(401);
      expect(await answer.json()).toMatchObject({
        success: false,
        code: expect.stringMatching(/UNAUTHORIZED|INVALID_TOKEN/),
      });
    });
  }

  test("a refresh token is no access token", async () => {
    const socket = startSocket(target.last, ann.refreshToken);
    expect(await failure(socket.next("connected"))).toContain("401");
  });

  test("a token with another signature", async () => {
    const [head, claims] = ann.accessToken.split(".");
    const forged = `${head}.${claims}.${"A".repeat(86)}`;
    expect(await failure(startSocket(target.last, forged).next("connected"))).toContain("401");
    const answer = await api.call("GET", "/users/profile", undefined, forged);
    expect(answer).toMatchObject({ status: 401, code: "INVALID_TOKEN" });
  });

  test("algorithm none", async () => {
    const [, claims] = ann.accessToken.split(".");
    const none = `${Buffer.from('{"alg":"none","typ":"JWT"}').toString("base64url")}.${claims}.`;
    expect(await failure(startSocket(target.last, none).next("connected"))).toContain("401");
  });
}

function requests(): void {
  const all: readonly [name: string, method: string, path: string, body: unknown, status: number, code: string][] = [
    ["malformed JSON", "POST", "/auth/login", "{", 400, "INVALID_PARAMETER"],
    ["a body that is a list", "POST", "/auth/login", [], 400, "INVALID_PARAMETER"],
    ["missing fields", "POST", "/auth/register", {}, 400, "INVALID_PARAMETER"],
    [
      "a username of two characters",
      "POST",
      "/auth/register",
      { username: "ab", password: "secret1" },
      400,
      "INVALID_USERNAME",
    ],
    [
      "a username with spaces",
      "POST",
      "/auth/register",
      { username: "a b c", password: "secret1" },
      400,
      "INVALID_USERNAME",
    ],
    [
      "the server's own prefix",
      "POST",
      "/auth/register",
      { username: "guest_1234", password: "secret1" },
      400,
      "INVALID_USERNAME",
    ],
    ["SQL as username", "POST", "/auth/register", { username: sql, password: "secret1" }, 400, "INVALID_USERNAME"],
    [
      "a password of five characters",
      "POST",
      "/auth/register",
      { username: "shortpw", password: "12345" },
      400,
      "WEAK_PASSWORD",
    ],
    [
      "an unknown user",
      "POST",
      "/auth/login",
      { username: "nobody_here", password: "secret1" },
      401,
      "AUTH_INVALID_CREDENTIALS",
    ],
    ["SQL as credentials", "POST", "/auth/login", { username: sql, password: sql }, 401, "AUTH_INVALID_CREDENTIALS"],
    ["a refresh token that is none", "POST", "/auth/refresh", { refreshToken: "abc" }, 401, "INVALID_TOKEN"],
    ["a content that is blank", "POST", "/conversations/world/messages", good(" ", "a"), 400, "MESSAGE_EMPTY"],
    [
      "a content that is too long",
      "POST",
      "/conversations/world/messages",
      good("x".repeat(5001), "a"),
      400,
      "MESSAGE_TOO_LONG",
    ],
    [
      "a system message",
      "POST",
      "/conversations/world/messages",
      { ...good("x", "a"), messageType: 4 },
      400,
      "UNSUPPORTED_MESSAGE_TYPE",
    ],
    [
      "a client_msg_id of 65 characters",
      "POST",
      "/conversations/world/messages",
      good("x", "i".repeat(65)),
      400,
      "INVALID_MESSAGE_FORMAT",
    ],
    [
      "NUL in the content",
      "POST",
      "/conversations/world/messages",
      good("a\u0000b", "a"),
      400,
      "INVALID_MESSAGE_FORMAT",
    ],
    [
      "members that are no numbers",
      "POST",
      "/conversations",
      { type: 2, name: "x", members: ["abc"] },
      400,
      "INVALID_PARAMETER",
    ],
    ["members that are unknown", "POST", "/conversations", { type: 1, members: ["123"] }, 404, "USER_NOT_FOUND"],
    ["a group without a name", "POST", "/conversations", { type: 2, members: ["1"] }, 400, "INVALID_CONVERSATION_NAME"],
    ["both cursors", "GET", "/conversations/world/messages?cursor=5&after_seq=3", undefined, 400, "INVALID_PARAMETER"],
    ["a limit of 101", "GET", "/conversations/world/messages?limit=101", undefined, 400, "INVALID_PARAMETER"],
    [
      "a cursor that is no number",
      "GET",
      "/conversations/world/messages?cursor=abc",
      undefined,
      400,
      "INVALID_PARAMETER",
    ],
    ["an unknown conversation", "GET", "/conversations/group_1", undefined, 404, "CONVERSATION_NOT_FOUND"],
    [
      "SQL as conversation",
      "GET",
      `/conversations/${encodeURIComponent(sql)}/messages`,
      undefined,
      404,
      "CONVERSATION_NOT_FOUND",
    ],
    ["an unknown user id", "GET", "/users/999", undefined, 404, "USER_NOT_FOUND"],
    ["an unknown route", "GET", "/nothing", undefined, 404, "NOT_FOUND"],
    ["a method that the route lacks", "DELETE", "/auth/login", undefined, 405, "METHOD_NOT_ALLOWED"],
  ];
  for (const [name, method, path, body, status, code] of all) {
    test(name, async () => {
      await storesNothing(async () => {
        const answer = await api.call(method, path, body, path.startsWith("/auth") ? undefined : ann.accessToken);
        expect({ status: answer.status, code: answer.code }).toEqual({ status, code });
        expect(answer.success).toBe(false);
        expect(answer.headers.get("x-trace-id")).toBeString();
      });
    });
  }

  test("oneself as the other side of a single chat", async () => {
    const answer = await api.call("POST", "/conversations", { type: 1, members: [ann.userId] }, ann.accessToken);
    expect(answer).toMatchObject({ status: 400, code: "CANNOT_CHAT_SELF" });
  });

  test("a name that is taken, in other letters", async () => {
    const body = { username: ann.username.toUpperCase(), password: "secret1" };
    expect(await api.call("POST", "/auth/register", body)).toMatchObject({ status: 400, code: "USER_ALREADY_EXISTS" });
  });

  test("a body over 1 MiB", async () => {
    const answer = await api.call("POST", "/auth/login", { username: "x".repeat(2 ** 20), password: "x" });
    expect(answer).toMatchObject({ status: 413, code: "PAYLOAD_TOO_LARGE" });
  });

  test("no token, where one is needed", async () => {
    const answer = await api.call("GET", "/conversations");
    expect(answer).toMatchObject({ status: 401, code: "UNAUTHORIZED" });
  });
}

async function storedAsWritten(): Promise<void> {
  const guest = await newGuest(api);
  const extra = JSON.stringify({ note: sql });
  const body = { ...good(sql, sql.replaceAll(/[^ -~]/g, "")), extra };
  const sent = await api.call<{ id: string; seqId: number }>(
    "POST",
    "/conversations/world/messages",
    body,
    guest.accessToken,
  );
  expect(sent.status).toBe(201);
  const [row] = (await world(`after_seq=${sent.data.seqId - 1}&limit=1`)).messages;
  expect(row?.id).toBe(sent.data.id);
  expect(row).toMatchObject({ content: sql, clientMsgId: body.client_msg_id, extra });
  const name = { type: 2, name: sql.slice(0, 50), description: sql, members: [guest.userId] };
  expect((await api.call("POST", "/conversations", name, ann.accessToken)).code).toBe("GUEST_FORBIDDEN");
  const ben = await newAccount(api, "ben");
  const group = await api.call("POST", "/conversations", { ...name, members: [ben.userId] }, ann.accessToken);
  expect(group).toMatchObject({ status: 201, data: { name: name.name, description: sql } });
  const found = await api.call<{ users: unknown[] }>(
    "GET",
    `/users/search?q=${encodeURIComponent(sql)}`,
    undefined,
    ann.accessToken,
  );
  expect(found).toMatchObject({ status: 200, data: { users: [] } });
}
