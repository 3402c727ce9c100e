import { expect, test } from "bun:test";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { silentLogger } from "../../infra/clog/clog.ts";
import { createMetrics } from "../../infra/metrics/metrics.ts";
import { createRemoteClient, type RemoteClientOptions } from "../../infra/rpc/client.ts";
import { carryList, rawListOf, rowAt } from "../../infra/rpc/raw-list.ts";
import { rpcService } from "../../infra/rpc/rpc.ts";
import { startRpcServer } from "../../infra/rpc/server.ts";
import { connectErrors } from "../../proto/connect-errors.ts";
import {
  ConversationService,
  type GetMessagesResponse,
  GetMessagesResponseSchema,
} from "../../proto/gen/gochat/logic/v1/conversation_service_pb.ts";
import { listMethods } from "../../proto/list-methods.ts";

const token = "the-token-of-services";
const request = { userId: "1", conversationId: "group_1", limit: 5 };

/** A server whose answer is `answer()`; `lists`: it knows which answers are rows. */
function serve(answer: () => GetMessagesResponse, lists: boolean) {
  const service = rpcService(ConversationService, { getMessages: async () => answer() });
  const known = lists ? { lists: listMethods } : {};
  const options = { host: "127.0.0.1", port: 0, serviceToken: token, open: [], ...known };
  return startRpcServer([service], options, { errors: connectErrors, clog: silentLogger, metrics: createMetrics() });
}

function clientOf(baseUrl: string, options: Partial<RemoteClientOptions> = {}) {
  return createRemoteClient(ConversationService, {
    baseUrl,
    errors: connectErrors,
    caller: { service: "test", token },
    ...options,
  });
}

const seqs = fc.bigInt({ min: 0n, max: 2n ** 53n });
const rows = fc.array(
  fc.record({
    id: fc.string(),
    content: fc.string({ unit: "grapheme", maxLength: 400 }),
    seqId: seqs,
    mentions: fc.array(fc.string(), { maxLength: 3 }),
    sender: fc.option(fc.record({ id: fc.string(), username: fc.string() }), { nil: undefined }),
  }),
  { maxLength: 12 },
);
const answers = fc.record({ messages: rows, hasMore: fc.boolean(), latestSeqId: seqs, completeTo: seqs });
type Init = MessageInitShape<typeof GetMessagesResponseSchema>;

test("an answer is the same whether a side knows its rows or not, and over every protocol", async () => {
  let answer = create(GetMessagesResponseSchema);
  await using rowServer = serve(() => answer, true);
  await using plainServer = serve(() => answer, false);
  const clients = [rowServer, plainServer].flatMap(({ url }) => [
    clientOf(url, { lists: listMethods }),
    clientOf(url),
    clientOf(url, { json: true }),
    clientOf(url, { protocol: "grpc-web" }),
  ]);
  await fc.assert(
    fc.asyncProperty(answers, async (given) => {
      answer = create(GetMessagesResponseSchema, given as Init);
      const expected = toBinary(GetMessagesResponseSchema, answer);
      for (const client of clients) {
        const seen = await client.getMessages(request);
        expect(toBinary(GetMessagesResponseSchema, seen)).toEqual(expected);
      }
    }),
    { numRuns: 25, seed: 5 },
  );
});

test("rows that are handed on are the same, and are not decoded on their way", async () => {
  const messages = Array.from({ length: 3 }, (_, n) => ({
    id: String(n),
    content: "x".repeat(n * 200),
    seqId: BigInt(n),
  }));
  const answer = create(GetMessagesResponseSchema, { messages, hasMore: true });
  await using first = serve(() => answer, true);
  const inner = clientOf(first.url, { lists: listMethods });
  let handed: GetMessagesResponse = answer;
  await using second = serve(() => handed, true);
  const seen = await inner.getMessages(request);
  const raw = rawListOf(seen, "messages");
  expect(raw?.rows).toHaveLength(3);
  expect([rowAt(seen, "messages", 0)?.seqId, rowAt(seen, "messages", -1)?.seqId]).toEqual([0n, 2n]);
  // Rows that nobody can decode come through: nobody looked at them.
  raw?.bytes.fill(0xff, 2, 3);
  const { $typeName, hasMore, nextSeqId, prevSeqId, latestSeqId, completeFrom, completeTo } = seen;
  const rest = { $typeName, hasMore, nextSeqId, prevSeqId, latestSeqId, completeFrom, completeTo };
  handed = carryList(seen, "messages", rest);
  const outer = await clientOf(second.url, { lists: listMethods }).getMessages(request);
  expect(Buffer.from(rawListOf(outer, "messages")?.bytes ?? [])).toEqual(Buffer.from(raw?.bytes ?? []));
  expect(() => outer.messages).toThrow("parse binary");
});

test("rows behind other fields, as another program may write them, are read too", async () => {
  const head = toBinary(GetMessagesResponseSchema, create(GetMessagesResponseSchema, { hasMore: true }));
  const one = toBinary(GetMessagesResponseSchema, create(GetMessagesResponseSchema, { messages: [{ id: "1" }] }));
  const two = toBinary(GetMessagesResponseSchema, create(GetMessagesResponseSchema, { messages: [{ id: "2" }] }));
  const body = Buffer.concat([one, head, two]);
  using server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () => new Response(body, { headers: { "content-type": "application/proto" } }),
  });
  const seen = await clientOf(server.url.href.replace(/\/$/, ""), { lists: listMethods }).getMessages(request);
  expect(seen.messages.map(({ id }) => id)).toEqual(["1", "2"]);
  expect(seen.messages).toEqual(fromBinary(GetMessagesResponseSchema, body).messages);
});

test("a body that ends within a row is refused", async () => {
  const answer = create(GetMessagesResponseSchema, { messages: [{ id: "1", content: "x".repeat(300) }] });
  const whole = toBinary(GetMessagesResponseSchema, answer);
  using server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () => new Response(whole.slice(0, -1), { headers: { "content-type": "application/proto" } }),
  });
  const client = clientOf(server.url.href.replace(/\/$/, ""), { lists: listMethods });
  const refused: unknown = await client.getMessages(request).catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: "INTERNAL_ERROR" });
});
