import { afterEach, beforeEach, expect, test } from "bun:test";
import { AppError } from "../../../proto/errors.ts";
import { AckStatus, type BroadcastRecord } from "../../../proto/gen/gochat/mq/v1/downstream_pb.ts";
import type { FanoutTask, PersistenceMessage } from "../../../proto/gen/gochat/mq/v1/stored_pb.ts";
import { CommitStatus } from "../../../proto/gen/gochat/repo/v1/message_service_pb.ts";
import { topics } from "../../../proto/topics.ts";
import { type Chat, collect, isSuccess, openChat, until } from "./chat-fixture.ts";

let chat: Chat;
beforeEach(async () => {
  chat = await openChat();
});
afterEach(() => chat[Symbol.asyncDispose]());

const hello = { conversationId: "world", content: "hello", clientMsgId: "c1" };

async function historyOf(conversationId: string): Promise<[seq: bigint, content: string][]> {
  const { messages } = await chat.repo.message.getConversationMessages({ conversationId, ascending: true });
  return messages.map((message) => [message.seqId, message.content]);
}

async function outboxRows(): Promise<number> {
  const { rows } = await chat.repo.outbox.listOutbox({ olderThanMs: 0n, limit: 500 });
  return rows.length;
}

/** The error code that a call of SendMessage is answered with, or "stored". */
async function codeOf(init: object): Promise<string> {
  try {
    await chat.message.sendMessage({ type: 1, ...init });
    return "stored";
  } catch (error) {
    return error instanceof AppError ? error.code : String(error);
  }
}

test("G1, spec 20 §6: an ack follows the commit, carries the stored ids, and the message is in the history", async () => {
  const userId = await chat.addUser("anna");
  await chat.sendUpstream({ ...hello, userId: BigInt(userId), sessionId: "s1" });
  await until("the ack", () => chat.acks().length === 1);
  const [ack] = chat.acks();
  const { messages } = await chat.repo.message.getConversationMessages({ conversationId: "world" });
  expect(messages.map(({ id, seqId, content }) => [id, seqId, content])).toEqual([
    [String(ack?.messageId), 1n, "hello"],
  ]);
  expect(ack).toMatchObject({ sessionId: "s1", clientMsgId: "c1", conversationId: "world", seqId: 1n });
  expect(ack).toMatchObject({ status: AckStatus.SUCCESS, duplicate: false });
  expect(Number(ack?.createdAtMs)).toBeGreaterThan(1_700_000_000_000);
});

test("G2: seqs begin at 1 and have no holes over both entrances together", async () => {
  const userId = await chat.addUser("anna");
  const calls = [];
  for (let at = 0; at < 100; at += 1) {
    await chat.sendUpstream({ ...hello, userId: BigInt(userId), sessionId: "s1", clientMsgId: `ws-${at}` });
    calls.push(chat.message.sendMessage({ ...hello, userId, type: 1, clientMsgId: `api-${at}` }));
  }
  const answers = await Promise.all(calls);
  await until("all acks", () => chat.acks().length === 100);
  const seqs = [...answers.map(({ message }) => message?.seqId ?? 0n), ...chat.acks().map(({ seqId }) => seqId)];
  expect(seqs.map(Number).toSorted((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, at) => at + 1));
});

test("G3: the same client_msg_id gives the same ids over either entrance and within a batch", async () => {
  const userId = await chat.addUser("anna");
  const send = { ...hello, userId: BigInt(userId), sessionId: "s1" };
  await chat.sendUpstream(send, send);
  await until("both acks", () => chat.acks().length === 2);
  await chat.sendUpstream(send);
  await until("the third ack", () => chat.acks().length === 3);
  const call = await chat.message.sendMessage({ ...hello, userId, type: 1 });
  expect(new Set(chat.acks().map(({ messageId }) => messageId)).size).toBe(1);
  expect(chat.acks().map(({ duplicate }) => duplicate)).toEqual([false, true, true]);
  expect(call).toMatchObject({ duplicate: true, clientMsgId: "c1" });
  expect(call.message?.id).toBe(String(chat.acks()[0]?.messageId));
  expect(await historyOf("world")).toEqual([[1n, "hello"]]);
});

test("spec 00 §7: other content under a known id is IDEMPOTENCY_CONFLICT, the first content stays", async () => {
  const userId = await chat.addUser("anna");
  await chat.message.sendMessage({ ...hello, userId, type: 1 });
  const other = { ...hello, content: "something else" };
  expect(await codeOf({ ...other, userId })).toBe("IDEMPOTENCY_CONFLICT");
  await chat.sendUpstream({ ...other, userId: BigInt(userId), sessionId: "s1" });
  await until("the ack", () => chat.acks().length === 1);
  expect(chat.acks()[0]).toMatchObject({ status: AckStatus.FAILED, errorCode: "IDEMPOTENCY_CONFLICT", messageId: 0n });
  expect(await historyOf("world")).toEqual([[1n, "hello"]]);
});

test("spec 50 §5: what breaks a rule is answered failed by name, nothing is stored, its neighbours go on", async () => {
  const userId = BigInt(await chat.addUser("anna"));
  const send = { ...hello, userId, sessionId: "s1" };
  await chat.sendUpstream(
    { ...send, clientMsgId: "a", content: "  " },
    { ...send, clientMsgId: "b", messageType: 4 },
    { ...send, clientMsgId: "c" },
    { ...send, clientMsgId: "d", extra: "{" },
    { ...send, clientMsgId: "e", userId: 4n },
  );
  await until("all acks", () => chat.acks().length === 5);
  expect(chat.acks().map(({ clientMsgId, errorCode }) => [clientMsgId, errorCode])).toEqual([
    ["a", "MESSAGE_EMPTY"],
    ["b", "UNSUPPORTED_MESSAGE_TYPE"],
    ["c", ""],
    ["d", "INVALID_MESSAGE_FORMAT"],
    ["e", "USER_NOT_FOUND"],
  ]);
  expect(await historyOf("world")).toEqual([[1n, "hello"]]);
});

test("spec 00 §3: a room costs one fan-out task per batch, the feed carries ids, the outbox row is deleted", async () => {
  const tasks: FanoutTask[] = [];
  const feed: PersistenceMessage[] = [];
  await collect(chat.mq, topics.fanout, tasks);
  await collect(chat.mq, topics.persist, feed);
  const userId = BigInt(await chat.addUser("anna"));
  await chat.sendUpstream(
    { ...hello, userId, sessionId: "s1", clientMsgId: "a" },
    { ...hello, userId, sessionId: "s2", clientMsgId: "b" },
  );
  await until("the records", () => tasks.length > 0 && feed.length > 0 && chat.acks().length === 2);
  expect(tasks.map(({ conversationId, rows }) => [conversationId, rows.map(({ message }) => message?.seqId)])).toEqual([
    ["world", [1n, 2n]],
  ]);
  expect(tasks[0]?.rows.map(({ originSessionId }) => originSessionId)).toEqual(["s1", "s2"]);
  expect(feed.map(({ fromSeq, toSeq, rows }) => [fromSeq, toSeq, rows.length])).toEqual([[1n, 2n, 2]]);
  // Both acks of the gateway travel in one record.
  expect(chat.downstream.length).toBe(1);
  let rows = 1;
  await until("the outbox row to be gone", () => {
    void outboxRows().then((count) => {
      rows = count;
    });
    return rows === 0;
  });
});

test("nothing is answered while repo is away; when it is back the same send is stored once (spec 50 §5)", async () => {
  const userId = BigInt(await chat.addUser("anna"));
  let attempts = 0;
  chat.faults = (call) => {
    attempts += 1;
    return attempts <= 2 ? Promise.reject(new AppError("SERVICE_UNAVAILABLE")) : call();
  };
  await chat.sendUpstream({ ...hello, userId, sessionId: "s1" });
  await until("two attempts", () => attempts >= 2);
  expect(chat.acks()).toEqual([]);
  await until("the ack", () => chat.acks().length === 1);
  expect(isSuccess(chat.acks()[0])).toBe(true);
  expect(await historyOf("world")).toEqual([[1n, "hello"]]);
});

test("a commit whose answer was lost is not answered; the redelivery finds its ids and pushes again (00 §7)", async () => {
  const tasks: FanoutTask[] = [];
  await collect(chat.mq, topics.fanout, tasks);
  const userId = BigInt(await chat.addUser("anna"));
  let attempts = 0;
  chat.faults = async (call) => {
    attempts += 1;
    const answer = await call();
    if (attempts > 1) return answer;
    throw new AppError("TIMEOUT");
  };
  await chat.sendUpstream({ ...hello, userId, sessionId: "s1" });
  await until("the ack and the push", () => chat.acks().length === 1 && tasks.length === 1);
  expect(attempts).toBe(2);
  expect(chat.acks()[0]).toMatchObject({ status: AckStatus.SUCCESS, seqId: 1n, duplicate: true });
  expect(await historyOf("world")).toEqual([[1n, "hello"]]);
});

test("RETRY leaves its items unanswered and redelivers them; what stands before them is done", async () => {
  const userId = BigInt(await chat.addUser("anna"));
  let attempts = 0;
  const seen: number[] = [];
  chat.faults = async (call) => {
    attempts += 1;
    const answer = await call();
    seen.push(answer.results.length);
    // As if the answer of the second item's transaction was lost.
    if (attempts === 1 && answer.results[1] !== undefined) answer.results[1].status = CommitStatus.RETRY;
    return answer;
  };
  const send = { ...hello, userId, sessionId: "s1" };
  await chat.sendUpstream({ ...send, clientMsgId: "a" }, { ...send, clientMsgId: "b" });
  await until("both acks", () => chat.acks().length === 2);
  expect(seen).toEqual([2, 1]);
  expect(chat.acks().map(({ clientMsgId, seqId, duplicate }) => [clientMsgId, seqId, duplicate])).toEqual([
    ["a", 1n, false],
    ["b", 2n, true],
  ]);
});

test("PARKED is answered by nobody on a socket and by 503 to a call", async () => {
  const userId = await chat.addUser("anna");
  let parked = 0;
  chat.faults = async (call) => {
    const answer = await call();
    for (const result of answer.results) result.status = CommitStatus.PARKED;
    parked += 1;
    return answer;
  };
  expect(await codeOf({ ...hello, userId })).toBe("SERVICE_UNAVAILABLE");
  await chat.sendUpstream({ ...hello, userId: BigInt(userId), sessionId: "s1", clientMsgId: "parked" });
  await until("the parked answer", () => parked === 2);
  chat.faults = undefined;
  await chat.sendUpstream({ ...hello, userId: BigInt(userId), sessionId: "s1", clientMsgId: "later" });
  await until("the later ack", () => chat.acks().length === 1);
  expect(chat.acks()[0]?.clientMsgId).toBe("later");
});

test("spec 50 §5: a call is answered with the rule that refused it, an unknown outcome with 503", async () => {
  const userId = await chat.addUser("anna");
  const code = (init: object): Promise<string> => codeOf({ ...hello, userId, ...init });
  expect(await code({ clientMsgId: "x".repeat(65) })).toBe("INVALID_MESSAGE_FORMAT");
  expect(await code({ content: "x".repeat(5001) })).toBe("MESSAGE_TOO_LONG");
  expect(await code({ conversationId: "group_99" })).toBe("CONVERSATION_NOT_FOUND");
  expect(await code({ conversationId: "'; DROP TABLE messages; --" })).toBe("CONVERSATION_NOT_FOUND");
  expect(await code({ mentions: ["x"] })).toBe("INVALID_MESSAGE_FORMAT");
  expect(await code({ userId: "abc" })).toBe("INVALID_PARAMETER");
  chat.faults = () => Promise.reject(new AppError("SERVICE_UNAVAILABLE"));
  expect(await code({})).toBe("SERVICE_UNAVAILABLE");
  chat.faults = undefined;
  expect(await code({})).toBe("stored");
});

test("a changed run id of the cache calls for one RESYNC by broadcast (spec 50 §5)", async () => {
  const controls: BroadcastRecord[] = [];
  await collect(chat.mq, topics.broadcast, controls);
  const userId = await chat.addUser("anna");
  let runId = "run-1";
  chat.faults = async (call) => {
    const answer = await call();
    answer.routesKnown = true;
    answer.cacheRunId = runId;
    return answer;
  };
  const send = (clientMsgId: string) => chat.message.sendMessage({ ...hello, userId, type: 1, clientMsgId });
  await send("a");
  runId = "run-2";
  await send("b");
  await send("c");
  await until("the control record", () => controls.length === 1);
  const body = controls[0]?.body;
  expect(body?.case === "control" && body.value.control.value).toMatchObject({ cacheRunId: "run-2" });
});
