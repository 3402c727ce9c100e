import { expect, test } from "bun:test";
import type { DraftJson } from "#proto/objects.ts";
import { createManualClock } from "./clock.ts";
import { type ConversationDraft, createDrafts } from "./drafts.ts";
import { ClientError } from "./errors.ts";
import type { HttpRequest } from "./http.ts";
import { createMemoryStorage } from "./storage.ts";

const settle = async () => {
  for (let i = 0; i < 100; i++) await Promise.resolve();
};

/** A server that keeps drafts, as far as devices see it. */
function createServer() {
  let version = 1_000;
  const server = {
    drafts: new Map<string, DraftJson>(),
    requests: [] as HttpRequest[],
    refuse: undefined as string | undefined,
    /** Answers wait until it is resolved. */
    gate: Promise.resolve(),
    set(conversationId: string, content: string, fields: { replyToMessageId?: string } = {}): DraftJson {
      version += 1;
      const draft = { conversationId, content, ...fields, updatedAt: Math.floor(version / 1000), version };
      server.drafts.set(conversationId, draft);
      return draft;
    },
    async call(request: HttpRequest): Promise<unknown> {
      server.requests.push(request);
      if (server.refuse !== undefined) throw new ClientError(server.refuse);
      const { method, path, body = {}, query } = request;
      const [, , id = ""] = path.split("/");
      const answer = (): unknown => {
        if (method !== "GET") {
          const { content = "", replyToMessageId } = body as { content?: string; replyToMessageId?: string };
          return server.set(id, content, replyToMessageId === undefined ? {} : { replyToMessageId });
        }
        const all = [...server.drafts.values()].filter(
          ({ content }) => content !== "" || query?.last_sync !== undefined,
        );
        return { drafts: all.toReversed(), hasMore: false, serverTime: 1 };
      };
      const made = answer();
      await server.gate;
      return made;
    },
    writes: () => server.requests.filter(({ method }) => method !== "GET"),
  };
  return server;
}

function createDevice(server = createServer(), storage = createMemoryStorage()) {
  const clock = createManualClock();
  const seen: ConversationDraft[] = [];
  const onChange = (draft: ConversationDraft): void => void seen.push(draft);
  const drafts = createDrafts({ call: server.call, clock, random: () => 0.5, storage, onChange });
  drafts.restore("1");
  return { server, storage, clock, seen, drafts };
}

async function online(...args: Parameters<typeof createDevice>) {
  const device = createDevice(...args);
  device.drafts.connected("s1");
  await settle();
  return device;
}

const pass = async (clock: { advance(ms: number): void }, ms: number): Promise<void> => {
  clock.advance(ms);
  await settle();
};

test("what is written is saved once, a second after the last change, and names the own socket", async () => {
  const { server, clock, drafts } = await online();
  for (const text of ["h", "he", "hel"]) {
    drafts.set("c", text, "7");
    await pass(clock, 900);
  }
  expect([drafts.get("c"), server.writes()]).toEqual([{ content: "hel", replyToMessageId: "7" }, []]);
  await pass(clock, 100);
  const body = { content: "hel", replyToMessageId: "7", sessionId: "s1" };
  expect(server.writes()).toEqual([{ method: "PUT", path: "/conversations/c/draft", body }]);
  await pass(clock, 60_000);
  expect(server.writes()).toHaveLength(1);
});

test("`save` does not wait; with nothing open it asks nothing", async () => {
  const { server, drafts } = await online();
  drafts.set("c", "x");
  drafts.save();
  await settle();
  drafts.save();
  await settle();
  expect(server.writes()).toHaveLength(1);
});

test("a text that is sent is no draft any more: at once here, by one DELETE on the server, by none if it was never there", async () => {
  const { server, clock, drafts } = await online();
  drafts.set("c", " hello ");
  drafts.save();
  await settle();
  drafts.set("c", "hello!");
  drafts.sent("c", "something else");
  expect(drafts.get("c")).toEqual({ content: "hello!" });
  drafts.sent("c", "hello!");
  await settle();
  expect([drafts.list(), server.writes().at(-1)]).toEqual([
    [],
    { method: "DELETE", path: "/conversations/c/draft", query: { sessionId: "s1" } },
  ]);
  drafts.set("d", "quick");
  drafts.sent("d", "quick");
  await pass(clock, 5_000);
  expect(server.writes()).toHaveLength(2);
});

test("another device's change shows, in the order of versions; nothing is told twice", async () => {
  const { server, seen, drafts } = await online();
  const first = server.set("c", "one");
  const second = server.set("c", "two", { replyToMessageId: "5" });
  drafts.updated(second);
  drafts.updated(first);
  drafts.updated(second);
  expect(seen).toEqual([{ conversationId: "c", content: "two", replyToMessageId: "5" }]);
  drafts.updated(server.set("c", ""));
  expect([drafts.get("c"), seen.length]).toEqual([undefined, 2]);
  for (const bad of [undefined, 7, {}, { conversationId: "c", content: 1, version: 9e9 }]) drafts.updated(bad);
  expect(seen).toHaveLength(2);
});

test("what is being written here is not replaced, and wins when it is saved", async () => {
  const { server, clock, seen, drafts } = await online();
  drafts.set("c", "mine");
  drafts.updated(server.set("c", "theirs"));
  expect([drafts.get("c")?.content, seen]).toEqual(["mine", []]);
  await pass(clock, 1_000);
  expect(server.drafts.get("c")?.content).toBe("mine");
  drafts.updated(server.set("c", "theirs again"));
  expect(drafts.get("c")?.content).toBe("theirs again");
});

test("an answer that something later has overtaken: saved again, so that this device and the server agree", async () => {
  const { server, drafts } = await online();
  const open = Promise.withResolvers<void>();
  server.gate = open.promise;
  drafts.set("c", "mine");
  drafts.save();
  await settle();
  drafts.updated(server.set("c", "theirs"));
  open.resolve();
  await settle();
  expect([drafts.get("c")?.content, server.drafts.get("c")?.content]).toEqual(["mine", "mine"]);
});

test("20 §5: after a `resync` what changed is asked for", async () => {
  const { server, drafts, seen } = await online();
  server.set("c", "unheard");
  drafts.refresh();
  await settle();
  expect(seen).toEqual([{ conversationId: "c", content: "unheard" }]);
});

test("what could not be saved is saved after the next connect; what is refused for good stays on this device", async () => {
  const { server, clock, drafts } = await online();
  server.refuse = "NETWORK_ERROR";
  drafts.set("c", "offline");
  await pass(clock, 1_000);
  server.refuse = undefined;
  drafts.connected("s2");
  await settle();
  expect(server.drafts.get("c")?.content).toBe("offline");
  server.refuse = "CONVERSATION_DISSOLVED";
  drafts.set("d", "too late");
  await pass(clock, 1_000);
  server.requests.length = 0;
  await pass(clock, 60_000);
  expect([drafts.get("d")?.content, server.requests]).toEqual(["too late", []]);
});

test("a restart: what was here, what came meanwhile, what was removed meanwhile; open texts are saved", async () => {
  const { server, storage, drafts } = await online();
  server.set("old", "elsewhere");
  drafts.connected("s1");
  await settle();
  drafts.set("gone", "x");
  drafts.save();
  await settle();
  drafts.set("open", "not saved");
  server.set("gone", "");
  server.set("new", "y");

  const again = createDevice(server, storage);
  expect(
    again.drafts
      .list()
      .map(({ content }) => content)
      .sort(),
  ).toEqual(["elsewhere", "not saved", "x"]);
  server.requests.length = 0;
  again.drafts.connected("s2");
  await settle();
  expect(server.requests[0]?.query).toEqual({ page: 1, size: 100, last_sync: 1 });
  expect(
    again.drafts
      .list()
      .map(({ content }) => content)
      .sort(),
  ).toEqual(["elsewhere", "not saved", "y"]);
  expect(again.seen.map(({ conversationId }) => conversationId).sort()).toEqual(["gone", "new"]);
  expect(server.drafts.get("open")?.content).toBe("not saved");
});

test("accounts are apart, and a store with something else in it is no error", async () => {
  const { drafts, storage } = await online();
  drafts.set("c", "ann's");
  drafts.restore("2");
  expect(drafts.list()).toEqual([]);
  drafts.restore("1");
  expect(drafts.list()).toEqual([{ conversationId: "c", content: "ann's" }]);
  for (const value of ["[", "7", '{"c":"text"}', '{"drafts":{"c":null,"d":{"text":{}}}}']) {
    storage.setItem("gochat.drafts.3", value);
    drafts.restore("3");
    expect(drafts.list()).toEqual([]);
    drafts.restore(undefined);
  }
});

test("at most 100 are kept on a device: the oldest saved one goes first", async () => {
  const { clock, drafts } = await online();
  for (let at = 0; at < 100; at++) drafts.set(`c${at}`, "x");
  await pass(clock, 1_000);
  drafts.set("c0", "not saved yet");
  drafts.set("more", "x");
  expect(drafts.list()).toHaveLength(100);
  expect([drafts.get("c0")?.content, drafts.get("c1"), drafts.get("c2")?.content]).toEqual([
    "not saved yet",
    undefined,
    "x",
  ]);
});
