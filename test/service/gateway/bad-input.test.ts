import { afterAll, beforeAll, expect, test } from "bun:test";
import { WebSocket } from "ws";
import { type Account, newAccount, newGuest, wholeHistory } from "../../support/api.ts";
import { openSocket, startSocket } from "../../support/socket.ts";
import { openTown, type Town } from "./gateway-fixture.ts";

let town: Town;
let ann: Account;
beforeAll(async () => {
  town = await openTown();
  ann = await newAccount(town.api);
});
afterAll(() => town[Symbol.asyncDispose]());

const sql = `'; DROP TABLE users; -- " OR 1=1`;
const message = { conversationId: "world", content: "x", messageType: 1, client_msg_id: "c" };

test("20 §3: a bad frame gets its code, and the connection stays", async () => {
  await using a = await openSocket(town.url, ann.accessToken);
  const cases: readonly (readonly [string, string])[] = [
    ["not json", "INVALID_MESSAGE"],
    ["[]", "INVALID_MESSAGE"],
    ["null", "INVALID_MESSAGE"],
    ['{"type":"ping"', "INVALID_MESSAGE"],
    [JSON.stringify({ type: "no-such-type" }), "INVALID_MESSAGE"],
    [JSON.stringify({ type: sql }), "INVALID_MESSAGE"],
    [JSON.stringify({ data: {} }), "INVALID_MESSAGE"],
    [JSON.stringify({ type: "ping", id: "x".repeat(65) }), "INVALID_MESSAGE"],
    [JSON.stringify({ type: "send-message" }), "INVALID_MESSAGE"],
    [JSON.stringify({ type: "send-message", data: { ...message, conversationId: 7 } }), "INVALID_MESSAGE"],
    [JSON.stringify({ type: "send-message", data: { ...message, conversationId: sql } }), "INVALID_MESSAGE"],
    [JSON.stringify({ type: "send-message", data: { ...message, content: "   " } }), "INVALID_MESSAGE"],
    [JSON.stringify({ type: "send-message", data: { ...message, content: undefined } }), "INVALID_MESSAGE"],
    [JSON.stringify({ type: "send-message", data: { ...message, content: "a\0b" } }), "INVALID_MESSAGE"],
    [
      '{"type":"send-message","data":{"conversationId":"world","content":"\\ud800","messageType":1}}',
      "INVALID_MESSAGE",
    ],
    [JSON.stringify({ type: "send-message", data: { ...message, content: "x".repeat(5001) } }), "MESSAGE_TOO_LARGE"],
    [JSON.stringify({ type: "send-message", data: { ...message, content: "世".repeat(5500) } }), "MESSAGE_TOO_LARGE"],
    [JSON.stringify({ type: "send-message", data: { ...message, messageType: 4 } }), "INVALID_MESSAGE"],
    [JSON.stringify({ type: "send-message", data: { ...message, messageType: "1" } }), "INVALID_MESSAGE"],
    [JSON.stringify({ type: "send-message", data: { ...message, client_msg_id: "x".repeat(65) } }), "INVALID_MESSAGE"],
    [JSON.stringify({ type: "send-message", data: { ...message, client_msg_id: "é" } }), "INVALID_MESSAGE"],
    [JSON.stringify({ type: "send-message", data: { ...message, extra: "{" } }), "INVALID_MESSAGE"],
    [JSON.stringify({ type: "send-message", data: { ...message, mentions: ["1 OR 1=1"] } }), "INVALID_MESSAGE"],
    [JSON.stringify({ type: "send-message", data: { ...message, replyToMessageId: sql } }), "INVALID_MESSAGE"],
    [JSON.stringify({ type: "mark-read", data: { conversationId: "world", seqId: "1" } }), "INVALID_MESSAGE"],
    [JSON.stringify({ type: "mark-read", data: { conversationId: "world", seqId: -1 } }), "INVALID_MESSAGE"],
    [JSON.stringify({ type: "sync", data: { conversations: "all" } }), "INVALID_MESSAGE"],
    [JSON.stringify({ type: "presence", data: { state: sql } }), "INVALID_MESSAGE"],
    [JSON.stringify({ type: "refresh-auth", data: {} }), "INVALID_MESSAGE"],
  ];
  for (const [text, code] of cases) {
    a.sendText(text);
    expect([text.slice(0, 120), (await a.next("error")).data.code]).toEqual([text.slice(0, 120), code]);
  }
  a.send("ping", undefined, "still here");
  expect(await a.next("pong")).toMatchObject({ id: "still here" });
  expect(await wholeHistory(town.api, "world", ann.accessToken)).toEqual([]);
});

test("a send to a conversation that is not the caller's is answered failed, and nothing is stored", async () => {
  await using a = await openSocket(town.url, ann.accessToken);
  for (const conversationId of ["424242", "no-such"]) {
    a.send("send-message", { ...message, conversationId });
    const ack = await a.next("message-ack");
    expect(ack.data.status).toBe("failed");
    expect(["CONVERSATION_NOT_FOUND", "NOT_CONVERSATION_MEMBER"]).toContain(String(ack.data.code));
  }
});

test("SQL in the content is content", async () => {
  await using a = await openSocket(town.url, ann.accessToken);
  a.send("send-message", { ...message, content: sql, client_msg_id: sql, extra: JSON.stringify({ sql }) });
  expect((await a.next("message-ack")).data).toMatchObject({ status: "success", client_msg_id: sql });
  expect((await a.next("new-message")).data).toMatchObject({ content: sql });
});

test("20 §8: a frame over 64 KiB closes with 1009, a binary frame with 1003", async () => {
  await using a = await openSocket(town.url, ann.accessToken);
  a.sendText(JSON.stringify({ type: "ping", pad: "x".repeat(70_000) }));
  expect(await a.closed).toBe(1009);
  await using b = await openSocket(town.url, ann.accessToken);
  b.socket.send(Buffer.from([1, 2, 3]));
  expect(await b.closed).toBe(1003);
});

test("20 §9: a text frame on gochat.v1.proto closes with 1003", async () => {
  await using a = await openSocket(town.url, ann.accessToken, { binary: true });
  a.sendText('{"type":"ping"}');
  expect(await a.closed).toBe(1003);
});

test("20 §1: before the upgrade 401 with the envelope, whatever is wrong with the token", async () => {
  const refused = async (headers: Record<string, string>, query = ""): Promise<[number, string]> => {
    const upgrade = { Connection: "Upgrade", Upgrade: "websocket", "Sec-WebSocket-Version": "13" };
    const response = await fetch(`${town.url}/ws${query}`, {
      headers: { ...upgrade, "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", ...headers },
    });
    const { code } = (await response.json()) as { code: string };
    return [response.status, code];
  };
  const parts = ann.accessToken.split(".");
  expect(await refused({})).toEqual([401, "UNAUTHORIZED"]);
  expect(await refused({ Authorization: "Basic x" })).toEqual([401, "UNAUTHORIZED"]);
  expect(await refused({ Authorization: "Bearer nonsense" })).toEqual([401, "INVALID_TOKEN"]);
  expect(await refused({}, `?token=${encodeURIComponent(sql)}`)).toEqual([401, "INVALID_TOKEN"]);
  expect(await refused({}, `?token=${ann.refreshToken}`)).toEqual([401, "INVALID_TOKEN"]);
  expect(await refused({}, `?token=${parts[0]}.${parts[1]}.`)).toEqual([401, "INVALID_TOKEN"]);
  const bearer = { Authorization: `Bearer ${ann.accessToken}` };
  expect(await refused(bearer, "?v=x")).toEqual([400, "INVALID_PARAMETER"]);
  expect(await refused(bearer, `?deviceId=${"d".repeat(65)}`)).toEqual([400, "INVALID_PARAMETER"]);
  const plain = await fetch(`${town.url}/ws`, { headers: bearer });
  expect(plain.status).toBe(400);
});

test("20 §1: a subprotocol that is not served is not selected", async () => {
  const socket = new WebSocket(`${town.url.replace("http", "ws")}/ws?token=${ann.accessToken}`, ["gochat.v2.json"]);
  const problem = await new Promise<string>((resolve) => {
    socket.on("error", (error) => resolve(error.message));
    socket.on("open", () => resolve(`open with ${socket.protocol}`));
  });
  socket.close();
  expect(problem).toContain("no subprotocol");
});

test("10 §1: bad requests get their code", async () => {
  const guest = await newGuest(town.api);
  type Case = readonly [string, string, unknown, string | undefined, number, string];
  const t = ann.accessToken;
  const send = "/conversations/world/messages";
  const cases: readonly Case[] = [
    ["GET", "/nothing", undefined, t, 404, "NOT_FOUND"],
    ["GET", "/nowhere", undefined, t, 404, "NOT_FOUND"],
    ["DELETE", "/users/profile", undefined, t, 405, "METHOD_NOT_ALLOWED"],
    ["GET", "/auth/login", undefined, undefined, 405, "METHOD_NOT_ALLOWED"],
    ["GET", "/users/profile", undefined, undefined, 401, "UNAUTHORIZED"],
    ["GET", "/users/profile", undefined, "x.y.z", 401, "INVALID_TOKEN"],
    ["GET", "/users/profile", undefined, ann.refreshToken, 401, "INVALID_TOKEN"],
    ["POST", "/auth/login", "{", undefined, 400, "INVALID_PARAMETER"],
    ["POST", "/auth/login", "[]", undefined, 400, "INVALID_PARAMETER"],
    ["POST", "/auth/login", {}, undefined, 400, "INVALID_PARAMETER"],
    ["POST", "/auth/login", { username: 1, password: true }, undefined, 400, "INVALID_PARAMETER"],
    ["POST", "/auth/login", { username: sql, password: sql }, undefined, 401, "AUTH_INVALID_CREDENTIALS"],
    ["POST", "/auth/login", { username: "a\0b", password: "x" }, undefined, 400, "INVALID_PARAMETER"],
    ["POST", "/auth/register", { username: "ab", password: "secret1" }, undefined, 400, "INVALID_USERNAME"],
    ["POST", "/auth/register", { username: sql, password: "secret1" }, undefined, 400, "INVALID_USERNAME"],
    ["POST", "/auth/register", { username: "somebody", password: "x" }, undefined, 400, "WEAK_PASSWORD"],
    ["POST", "/auth/register", { username: ann.username, password: "secret1" }, undefined, 400, "USER_ALREADY_EXISTS"],
    ["POST", "/auth/refresh", {}, undefined, 400, "INVALID_PARAMETER"],
    ["POST", "/auth/refresh", { refreshToken: sql }, undefined, 401, "INVALID_TOKEN"],
    ["POST", "/auth/refresh", { refreshToken: t }, undefined, 401, "INVALID_TOKEN"],
    ["GET", `/users/${encodeURIComponent(sql)}`, undefined, t, 404, "NOT_FOUND"],
    ["GET", "/users/99999999999999999999999", undefined, t, 404, "USER_NOT_FOUND"],
    ["GET", "/users/424242", undefined, t, 404, "USER_NOT_FOUND"],
    ["GET", "/users/search?q=", undefined, t, 400, "INVALID_PARAMETER"],
    ["GET", "/users/search?q=x&limit=abc", undefined, t, 400, "INVALID_PARAMETER"],
    ["GET", "/users/search", undefined, guest.accessToken, 403, "GUEST_FORBIDDEN"],
    ["PUT", "/users/profile", { avatarUrl: "javascript:alert(1)" }, t, 400, "INVALID_PARAMETER"],
    ["PUT", "/users/profile", { avatarUrl: "https://x/a" }, guest.accessToken, 403, "GUEST_FORBIDDEN"],
    ["POST", "/conversations", { type: 3, members: ["1"] }, t, 400, "INVALID_PARAMETER"],
    ["POST", "/conversations", { type: 1, members: ["one"] }, t, 400, "INVALID_PARAMETER"],
    ["POST", "/conversations", { type: 1, members: [1] }, t, 400, "INVALID_PARAMETER"],
    ["POST", "/conversations", { type: 1, members: ["1", "2"] }, t, 400, "INVALID_PARAMETER"],
    ["POST", "/conversations", { type: 1, members: [ann.userId] }, t, 400, "CANNOT_CHAT_SELF"],
    ["POST", "/conversations", { type: 1, members: ["424242"] }, t, 404, "USER_NOT_FOUND"],
    ["POST", "/conversations", { type: 1, members: [ann.userId] }, guest.accessToken, 403, "GUEST_FORBIDDEN"],
    ["POST", "/conversations", { type: 2, members: [guest.userId] }, t, 400, "INVALID_CONVERSATION_NAME"],
    ["GET", "/conversations?page=0", undefined, t, 400, "INVALID_PARAMETER"],
    ["GET", "/conversations?type=9", undefined, t, 400, "INVALID_PARAMETER"],
    ["GET", `/conversations/${encodeURIComponent(sql)}`, undefined, t, 404, "CONVERSATION_NOT_FOUND"],
    ["GET", "/conversations/424242", undefined, t, 404, "CONVERSATION_NOT_FOUND"],
    ["GET", "/conversations/world/messages?limit=101", undefined, t, 400, "INVALID_PARAMETER"],
    ["GET", "/conversations/world/messages?after_seq=-1", undefined, t, 400, "INVALID_PARAMETER"],
    ["GET", `/conversations/world/messages?types=${encodeURIComponent(sql)}`, undefined, t, 400, "INVALID_PARAMETER"],
    ["PUT", "/conversations/world/read", { seqId: "1" }, t, 400, "INVALID_PARAMETER"],
    ["PUT", "/conversations/world/read", { seqId: 1.5 }, t, 400, "INVALID_PARAMETER"],
    ["POST", send, {}, t, 400, "MESSAGE_EMPTY"],
    ["POST", send, { content: " ", messageType: 1 }, t, 400, "MESSAGE_EMPTY"],
    ["POST", send, { content: "x" }, t, 400, "UNSUPPORTED_MESSAGE_TYPE"],
    ["POST", send, { content: "x", messageType: 4 }, t, 400, "UNSUPPORTED_MESSAGE_TYPE"],
    ["POST", send, { content: 7, messageType: 1 }, t, 400, "INVALID_MESSAGE_FORMAT"],
    ["POST", send, { content: "a\0", messageType: 1 }, t, 400, "INVALID_MESSAGE_FORMAT"],
    ["POST", send, '{"content":"\\udc00","messageType":1}', t, 400, "INVALID_MESSAGE_FORMAT"],
    ["POST", send, { content: "x".repeat(5001), messageType: 1 }, t, 400, "MESSAGE_TOO_LONG"],
    ["POST", send, { content: "x", messageType: 1, client_msg_id: "x".repeat(65) }, t, 400, "INVALID_MESSAGE_FORMAT"],
    ["POST", send, { content: "x", messageType: 1, extra: "{" }, t, 400, "INVALID_MESSAGE_FORMAT"],
    ["POST", send, { content: "x", messageType: 1, extra: "5".repeat(5000) }, t, 400, "INVALID_MESSAGE_FORMAT"],
    ["POST", "/messages", { content: "x", messageType: 1 }, t, 400, "INVALID_MESSAGE_FORMAT"],
    ["POST", "/messages", { conversationId: sql, content: "x", messageType: 1 }, t, 404, "CONVERSATION_NOT_FOUND"],
    ["POST", send, `{"content":"${"x".repeat(1_100_000)}"}`, t, 413, "PAYLOAD_TOO_LARGE"],
  ];
  const before = await wholeHistory(town.api, "world", t);
  for (const [method, path, body, token, status, code] of cases) {
    const answer = await town.api.call(method, path, body, token);
    const about = `${method} ${path} ${JSON.stringify(body)?.slice(0, 60)}`;
    expect([about, answer.status, answer.code ?? ""]).toEqual([about, status, code]);
    expect(answer.headers.get("x-trace-id")).toMatch(/^[0-9a-f-]{36}$/);
  }
  expect(await wholeHistory(town.api, "world", t)).toEqual(before);
});

test("10 §1: both base paths, trace id adopted, gzip, CORS, Allow", async () => {
  const headers = { Authorization: `Bearer ${ann.accessToken}`, Origin: "https://elsewhere.test" };
  const v1 = await fetch(`${town.url}/api/v1/users/profile`, { headers: { ...headers, "X-Trace-ID": "abc-1" } });
  expect(v1.status).toBe(200);
  expect(v1.headers.get("x-trace-id")).toBe("abc-1");
  expect(v1.headers.get("access-control-allow-origin")).toBe("*");
  const forged = await fetch(`${town.url}/api/users/profile`, { headers: { ...headers, "X-Trace-ID": sql } });
  expect(forged.headers.get("x-trace-id")).toMatch(/^[0-9a-f-]{36}$/);
  const preflight = await fetch(`${town.url}/api/messages`, {
    method: "OPTIONS",
    headers: { Origin: "https://elsewhere.test", "Access-Control-Request-Method": "POST" },
  });
  expect(preflight.status).toBe(204);
  expect(preflight.headers.get("access-control-allow-headers")).toContain("Authorization");
  for (let index = 0; index < 10; index += 1) {
    await town.api.call(
      "POST",
      "/messages",
      { ...message, content: "y".repeat(100), client_msg_id: `${index}` },
      ann.accessToken,
    );
  }
  const packed = await fetch(`${town.url}/api/conversations/world/messages`, {
    headers: { ...headers, "Accept-Encoding": "gzip" },
    decompress: false,
  });
  expect(packed.headers.get("content-encoding")).toBe("gzip");
  const text = new TextDecoder().decode(Bun.gunzipSync(new Uint8Array(await packed.arrayBuffer())));
  expect(JSON.parse(text)).toMatchObject({ success: true });
  const health = await fetch(`${town.url}/health`);
  expect(await health.json()).toMatchObject({ status: "ok", version: "test" });
  const lost = await fetch(`${town.url}/lost`);
  expect([lost.status, ((await lost.json()) as { code: string }).code]).toEqual([404, "NOT_FOUND"]);
});

test("G7: no token and no content in the log", async () => {
  await using a = await openSocket(town.url, ann.accessToken, { by: "query" });
  a.send("send-message", { ...message, content: "very secret words", client_msg_id: "s" });
  await a.next("message-ack");
  const draft = (content: string) => town.api.call("PUT", "/conversations/world/draft", { content }, ann.accessToken);
  expect((await draft("very secret words, not sent")).status).toBe(200);
  await a.next("draft-updated");
  expect((await draft(`very secret words${"x".repeat(5000)}`)).status).toBe(400);
  const all = town.log.join("");
  expect(all).not.toContain(ann.accessToken);
  expect(all).not.toContain(ann.refreshToken);
  expect(all).not.toContain("very secret words");
});

test("20 §8: text that is not UTF-8 closes with 1007", async () => {
  await using a = await openSocket(town.url, ann.accessToken);
  a.socket.send(Buffer.from([0x22, 0xff, 0x22]), { binary: false });
  expect(await a.closed).toBe(1007);
});

test("a refused upgrade never reaches a client as an open socket", async () => {
  const socket = startSocket(town.url, "nonsense");
  const problem = await socket.next("connected").catch(String);
  expect(problem).toContain("401");
});
