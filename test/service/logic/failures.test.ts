import { afterEach, expect, test } from "bun:test";
import { deadLetterTopic } from "../../../infra/mq/mq.ts";
import { AppError } from "../../../proto/errors.ts";
import { AckStatus } from "../../../proto/gen/gochat/mq/v1/downstream_pb.ts";
import type { UpstreamMessage } from "../../../proto/gen/gochat/mq/v1/upstream_pb.ts";
import { CommitStatus } from "../../../proto/gen/gochat/repo/v1/message_service_pb.ts";
import { groups, topics } from "../../../proto/topics.ts";
import { type Chat, type ChatOptions, collect, openChat, until } from "./chat-fixture.ts";

let chat: Chat;
afterEach(() => chat[Symbol.asyncDispose]());

const hello = { conversationId: "world", content: "hello", sessionId: "s1" };

async function open(options: ChatOptions = {}): Promise<{ userId: string; sender: bigint }> {
  chat = await openChat(options);
  const userId = await chat.addUser("anna");
  return { userId, sender: BigInt(userId) };
}

async function contents(): Promise<string[]> {
  const { messages } = await chat.repo.message.getConversationMessages({ conversationId: "world", ascending: true });
  return messages.map((message) => message.clientMsgId);
}

test("spec 50 §5: while the log takes no pushes, what is stored is not acked; later it is, with its first ids", async () => {
  const { sender } = await open({ limits: { recordsMax: 2 } });
  let stuck = true;
  const options = { group: groups.fanout, from: "earliest", commits: true, recordsMax: 10, bytesMax: 1 << 20 } as const;
  await using _task = await chat.mq.subscribe(topics.fanout, options, ({ records }) =>
    Promise.resolve(stuck ? { done: 0, pause: "stuck" } : { done: records.length }),
  );
  for (const clientMsgId of ["a", "b"]) {
    await chat.sendUpstream({ ...hello, userId: sender, clientMsgId });
    await until(`the ack of ${clientMsgId}`, () => chat.acks().at(-1)?.clientMsgId === clientMsgId);
  }
  await chat.sendUpstream({ ...hello, userId: sender, clientMsgId: "c" });
  let stored: string[] = [];
  await until("c to be stored", () => {
    void contents().then((ids) => {
      stored = ids;
    });
    return stored.length === 3;
  });
  expect(chat.acks().map(({ clientMsgId }) => clientMsgId)).toEqual(["a", "b"]);
  stuck = false;
  await until("the ack of c", () => chat.acks().length === 3);
  expect(chat.acks()[2]).toMatchObject({ clientMsgId: "c", seqId: 3n, status: AckStatus.SUCCESS, duplicate: true });
  expect(await contents()).toEqual(["a", "b", "c"]);
});

test("spec 50 §5: a call is answered although the log takes no pushes; its outbox row stays", async () => {
  const { userId } = await open({ limits: { recordsMax: 1 } });
  const options = { group: groups.fanout, from: "earliest", commits: true, recordsMax: 10, bytesMax: 1 << 20 } as const;
  await using _task = await chat.mq.subscribe(topics.fanout, options, () =>
    Promise.resolve({ done: 0, pause: "stuck" }),
  );
  for (const clientMsgId of ["a", "b"]) {
    const { message } = await chat.message.sendMessage({ ...hello, userId, type: 1, clientMsgId });
    expect(message?.clientMsgId).toBe(clientMsgId);
  }
  await chat.stopLogic();
  // The row is due once it is a millisecond old.
  let { rows } = await chat.repo.outbox.listOutbox({ olderThanMs: 1n, limit: 500 });
  while (rows.length === 0) ({ rows } = await chat.repo.outbox.listOutbox({ olderThanMs: 1n, limit: 500 }));
  expect(rows.map(({ conversations }) => conversations.map(({ fromSeq, toSeq }) => [fromSeq, toSeq]))).toEqual([
    [[2n, 2n]],
  ]);
});

test("spec 50 §5: a record that the store refuses alone is answered failed and dead-lettered, the others go on", async () => {
  const { sender } = await open();
  const dead: UpstreamMessage[] = [];
  await collect(chat.mq, deadLetterTopic(topics.upstream), dead);
  chat.faults = async (call) => {
    const answer = await call();
    const second = answer.results[1];
    if (second !== undefined) Object.assign(second, { status: CommitStatus.REJECTED, errorCode: "INTERNAL_ERROR" });
    return answer;
  };
  const sends = ["a", "b", "c"].map((clientMsgId) => ({ ...hello, userId: sender, clientMsgId }));
  await chat.sendUpstream(...sends);
  await until("acks and the dead letter", () => chat.acks().length === 3 && dead.length === 1);
  expect(chat.acks().map(({ errorCode }) => errorCode)).toEqual(["", "INTERNAL_ERROR", ""]);
  expect(dead[0]?.clientMsgId).toBe("b");
});

test("a batch that repo calls malformed is halved until the record is found; its neighbours are stored", async () => {
  const { sender } = await open();
  const dead: UpstreamMessage[] = [];
  await collect(chat.mq, deadLetterTopic(topics.upstream), dead);
  chat.faults = (call, items) =>
    items.some(({ content }) => content === "bad") ? Promise.reject(new AppError("INVALID_PARAMETER")) : call();
  const sends = ["a", "bad", "c", "d"].map((id) => ({ ...hello, userId: sender, clientMsgId: id, content: id }));
  await chat.sendUpstream(...sends);
  await until("the others' acks and the dead letter", () => chat.acks().length >= 3 && dead.length === 1);
  expect(dead[0]?.clientMsgId).toBe("bad");
  expect(new Set(await contents())).toEqual(new Set(["a", "c", "d"]));
});

test("G8: a polite stop finishes the batch in flight, and what was not begun is there for the next owner", async () => {
  const { sender, userId } = await open();
  const gate = Promise.withResolvers<void>();
  let began = 0;
  chat.faults = async (call) => {
    began += 1;
    const answer = await call();
    await gate.promise;
    return answer;
  };
  await chat.sendUpstream({ ...hello, userId: sender, clientMsgId: "a" });
  const called = chat.message.sendMessage({ ...hello, userId, type: 1, clientMsgId: "b" });
  await until("both batches to be in flight", () => began === 2);
  const stopping = chat.stopLogic();
  gate.resolve();
  expect((await called).message?.clientMsgId).toBe("b");
  await stopping;
  await until("the ack", () => chat.acks().length === 1);
  const { rows } = await chat.repo.outbox.listOutbox({ olderThanMs: 1n, limit: 500 });
  expect(rows).toEqual([]);
  const late = await chat.message.sendMessage({ ...hello, userId, type: 1, clientMsgId: "c" }).catch((error) => error);
  expect(late instanceof AppError && late.code).toBe("SERVICE_UNAVAILABLE");
});
