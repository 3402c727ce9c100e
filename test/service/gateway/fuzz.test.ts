import { afterAll, beforeAll, expect, test } from "bun:test";
import { ERRORS } from "../../../proto/errors.ts";
import { type Account, newAccount } from "../../support/api.ts";
import { clientFrameBytes } from "../../support/binary-frames.ts";
import { openSocket } from "../../support/socket.ts";
import { openTown, type Town } from "./gateway-fixture.ts";

let town: Town;
let ann: Account;
beforeAll(async () => {
  town = await openTown();
  ann = await newAccount(town.api);
});
afterAll(() => town[Symbol.asyncDispose]());

/** mulberry32: the same seed is the same run. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const seed = Number(process.env.FUZZ_SEED ?? 20_261_122);
const types = [
  ...["send-message", "mark-read", "ping", "typing", "stop-typing", "recall-message", "react", "sync", "presence"],
  ...["refresh-auth", "connected", "__proto__", "constructor", ""],
];
const keys = [
  ...["conversationId", "content", "messageType", "client_msg_id", "extra", "mentions", "seqId", "messageId", "emoji"],
  ...["conversations", "limit", "state", "token", "username", "password", "members", "type", "name", "__proto__"],
];

function values(next: () => number) {
  const pick = <T>(items: readonly T[]): T => items[Math.floor(next() * items.length)] as T;
  const leaf = (): unknown =>
    pick<unknown>([
      ...[
        "world",
        "42",
        "",
        " ",
        "\0",
        "\ud800",
        "'; DROP TABLE messages; --",
        "x".repeat(300),
        "9".repeat(40),
        "é世🦊",
      ],
      ...[0, 1, -1, 1.5, 2 ** 53, 1e308, Number.MAX_SAFE_INTEGER, null, true, false, [], {}],
      ...[["world"], [{}], [null], [{ id: "world", afterSeq: 0 }], { id: 1 }],
    ]);
  const record = (): Record<string, unknown> => {
    const fields: Record<string, unknown> = {};
    for (let count = Math.floor(next() * 6); count > 0; count -= 1) fields[pick(keys)] = leaf();
    return fields;
  };
  return { pick, leaf, record };
}

test(`fuzzed frames: every answer is a proper one, the socket and the process stay up (seed ${seed})`, async () => {
  const next = random(seed);
  const { pick, leaf, record } = values(next);
  await using a = await openSocket(town.url, ann.accessToken);
  const known = new Set(Object.values(ERRORS).map(({ ws }) => ws));
  for (let round = 0; round < 1000; round += 1) {
    // A refused refresh-auth closes by the rules; it has its own test.
    const type = pick(types.filter((one) => one !== "refresh-auth"));
    const frame = {
      type: next() < 0.9 ? type : leaf(),
      data: next() < 0.9 ? record() : leaf(),
      id: pick([undefined, "i"]),
    };
    const text = JSON.stringify(frame);
    a.sendText(next() < 0.9 ? text : text.slice(0, Math.floor(next() * text.length)));
  }
  a.send("ping", undefined, "last");
  await a.next("pong", ({ id }) => id === "last");
  for (const { type, data } of a.frames) if (type === "error") expect(known).toContain(String(data.code));
  expect(a.frames.filter(({ data }) => data.code === "INTERNAL_ERROR")).toEqual([]);
});

test(`fuzzed binary frames: every answer is a proper one, the socket and the process stay up (seed ${seed})`, async () => {
  const next = random(seed);
  await using a = await openSocket(town.url, ann.accessToken, { binary: true });
  const known = new Set(Object.values(ERRORS).map(({ ws }) => ws));
  const valid = clientFrameBytes("send-message", { conversationId: "42", content: "x", messageType: 1 }, "i");
  for (let round = 0; round < 1000; round += 1) {
    const bytes = Uint8Array.from(next() < 0.5 ? valid : new Uint8Array(Math.floor(next() * 60)));
    for (let change = 0; change < 4; change += 1) bytes[Math.floor(next() * bytes.length)] = Math.floor(next() * 256);
    a.socket.send(bytes);
  }
  a.send("ping", undefined, "last");
  await a.next("pong", ({ id }) => id === "last");
  for (const { type, data } of a.frames) if (type === "error") expect(known).toContain(String(data.code));
  expect(a.frames.filter(({ data }) => data.code === "INTERNAL_ERROR")).toEqual([]);
});

test(`fuzzed requests: an envelope with a known code, never a 500 (seed ${seed})`, async () => {
  const next = random(seed);
  const { pick, leaf, record } = values(next);
  const routes = [
    ...["/auth/register", "/auth/refresh", "/users/profile", "/users/search", "/users/42"],
    ...["/conversations", "/conversations/world", "/conversations/world/messages", "/conversations/world/read"],
    ...["/conversations/unread", "/conversations/world/members", "/messages", "/conversations/%00", "/%ff", "/a//b"],
  ];
  for (let round = 0; round < 400; round += 1) {
    const query =
      next() < 0.5
        ? `?${pick(["page", "limit", "cursor", "after_seq", "q", "types"])}=${encodeURIComponent(String(leaf()).toWellFormed())}`
        : "";
    const method = pick(["GET", "POST", "PUT", "DELETE"]);
    const body = method === "GET" || method === "DELETE" ? undefined : JSON.stringify(next() < 0.9 ? record() : leaf());
    const answer = await town.api.call(
      method,
      `${pick(routes)}${query}`,
      body,
      pick([ann.accessToken, ann.accessToken, "x", undefined]),
    );
    const about = `${method} ${query} ${body} → ${answer.status} ${answer.code}`;
    expect([about, answer.status < 500]).toEqual([about, true]);
    if (answer.status >= 400) expect([about, Object.keys(ERRORS).includes(answer.code ?? "")]).toEqual([about, true]);
  }
});

test(`fuzzed Connect calls: a proper error, never internal (seed ${seed})`, async () => {
  const next = random(seed);
  const { pick, record } = values(next);
  const methods = [
    ...["AuthService/RefreshToken", "UserService/GetProfile", "ConversationService/GetMessages"],
    ...["ConversationService/CreateConversation", "ConversationService/SyncMessages", "ConversationService/MarkAsRead"],
    ...["MessageService/SendMessage", "MessageService/RecallMessage", "FriendService/SearchUsers"],
  ];
  for (let round = 0; round < 300; round += 1) {
    const random = new Uint8Array(Array.from({ length: Math.floor(next() * 40) }, () => Math.floor(next() * 256)));
    const binary = next() < 0.4;
    const response = await fetch(`${town.url}/gochat.logic.v1.${pick(methods)}`, {
      method: "POST",
      headers: {
        "Content-Type": binary ? "application/proto" : "application/json",
        Authorization: `Bearer ${ann.accessToken}`,
      },
      body: binary ? random : JSON.stringify(record()),
    });
    const text = await response.text();
    // The library's own word for bytes that are no message; nothing of ours has run.
    if (text.includes('"parse binary')) continue;
    expect([text.slice(0, 200), response.status === 500]).toEqual([text.slice(0, 200), false]);
  }
});
