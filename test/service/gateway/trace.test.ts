import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { InMemorySpanExporter, type ReadableSpan } from "@opentelemetry/sdk-trace";
import { createOtelTracer } from "../../../infra/trace/otel.ts";
import type { ConfigurableTracer } from "../../../infra/trace/trace.ts";
import { topics } from "../../../proto/topics.ts";
import { type Account, newAccount } from "../../support/api.ts";
import { openSocket, type TestSocket, until } from "../../support/socket.ts";
import { openTown, type Town } from "./gateway-fixture.ts";

const exporter = new InMemorySpanExporter();
let tracer: ConfigurableTracer;
let town: Town;
let first = "";
let second = "";
let ann: Account;
let bob: Account;
let single = "";

beforeAll(async () => {
  tracer = createOtelTracer(
    { service: "test", version: "0", sampler: "always_on", ratio: 1, flushEveryMs: 0 },
    exporter,
  );
  town = await openTown(undefined, undefined, { gateways: 2, task: true, tracer });
  [first = "", second = ""] = town.gateways.map(({ url }) => url);
  [ann, bob] = [await newAccount(town.api), await newAccount(town.api)];
  const body = { type: 1, members: [bob.userId] };
  single = (await town.api.call<{ id: string }>("POST", "/conversations", body, ann.accessToken)).data.id;
});
afterAll(() => town[Symbol.asyncDispose]());
beforeEach(() => {
  exporter.reset();
  tracer.configure({ sampler: "always_on", ratio: 1 });
});

const traceOf = (span: ReadableSpan): string => span.spanContext().traceId;

/** The spans of the one trace that has a span of this name. */
function traceWith(name: string): ReadableSpan[] {
  const spans = exporter.getFinishedSpans();
  const root = spans.find((span) => span.name === name);
  return root === undefined ? [] : spans.filter((span) => traceOf(span) === traceOf(root));
}

function namesOf(spans: readonly ReadableSpan[]): string[] {
  return spans.map(({ name }) => name).sort();
}

function gatewaysOf(spans: readonly ReadableSpan[]): unknown[] {
  return spans.flatMap(({ name, attributes }) => (name === "ws.send" ? [attributes.gateway_id] : [])).sort();
}

async function say(from: TestSocket, conversationId: string, content: string): Promise<void> {
  from.send("send-message", { conversationId, content, messageType: 1, client_msg_id: content });
  await from.next("message-ack");
}

test("70 §3: a single chat over two gateways is one trace, from the frame to both gateways' sockets", async () => {
  await using a = await openSocket(first, ann.accessToken);
  await using b = await openSocket(second, bob.accessToken);
  exporter.reset();
  await say(a, single, "traced");
  await b.next("new-message");
  await until("both gateways wrote", () => gatewaysOf(traceWith("ws.receive")).length === 2);
  const spans = traceWith("ws.receive");
  expect(gatewaysOf(spans)).toEqual(["gateway-1", "gateway-2"]);
  expect(namesOf(spans)).toEqual([
    "logic.commit",
    "mq.produce downstream",
    "mq.produce downstream",
    "mq.produce persist",
    "mq.produce upstream",
    "mq.wait downstream",
    "mq.wait downstream",
    "mq.wait upstream",
    "repo.commit",
    "repo.routes",
    "rpc repo.v1.MessageService/CommitMessages",
    "ws.receive",
    "ws.send",
    "ws.send",
  ]);
  const ids = new Set(spans.map((span) => span.spanContext().spanId));
  const orphans = spans.filter(({ parentSpanContext: up }) => up === undefined || !ids.has(up.spanId));
  expect(orphans.map(({ name }) => name)).toEqual(["ws.receive"]);
});

test("70 §3: a message of the world is one trace over task to every gateway", async () => {
  await using a = await openSocket(first, ann.accessToken);
  await using b = await openSocket(second, bob.accessToken);
  exporter.reset();
  await say(a, "world", "to all");
  await b.next("new-message");
  // The ack of one, the push of both.
  await until("both gateways wrote", () => gatewaysOf(traceWith("ws.receive")).length === 3);
  const spans = traceWith("ws.receive");
  expect(gatewaysOf(spans)).toEqual(["gateway-1", "gateway-1", "gateway-2"]);
  for (const name of ["mq.produce fanout", "mq.wait fanout", "mq.produce broadcast", "mq.wait broadcast"]) {
    expect(namesOf(spans)).toContain(name);
  }
  expect(namesOf(spans).filter((name) => name === "mq.wait broadcast")).toHaveLength(2);
});

test("60 §7: an HTTP send continues the trace of its client; X-Trace-ID is answered as given", async () => {
  await using b = await openSocket(second, bob.accessToken);
  exporter.reset();
  const traceId = "0af7651916cd43dd8448eb211c80319c";
  const response = await fetch(`${first}/api/conversations/${single}/messages`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${ann.accessToken}`,
      "content-type": "application/json",
      traceparent: `00-${traceId}-b7ad6b7169203331-01`,
      "x-trace-id": "of-my-own",
    },
    body: JSON.stringify({ content: "by http", messageType: 1 }),
  });
  expect([response.status, response.headers.get("x-trace-id")]).toEqual([201, "of-my-own"]);
  await b.next("new-message");
  await until("the push was traced", () => exporter.getFinishedSpans().some(({ name }) => name === "ws.send"));
  const spans = exporter.getFinishedSpans().filter((span) => traceOf(span) === traceId);
  const names = namesOf(spans);
  for (const name of [
    "HTTP POST /api/conversations/:conversationId/messages",
    "rpc logic.v1.MessageService/SendMessage",
    "repo.commit",
    "repo.routes",
    "mq.produce downstream",
    "ws.send",
  ]) {
    expect(names).toContain(name);
  }
  const root = spans.find(({ name }) => name.startsWith("HTTP"));
  expect(root?.parentSpanContext?.spanId).toBe("b7ad6b7169203331");
  expect(root?.attributes).toMatchObject({ "gochat.trace_id": "of-my-own", "http.response.status_code": 201 });
});

test("60 §7: a Connect call is traced into logic and repo", async () => {
  const response = await fetch(`${first}/gochat.logic.v1.MessageService/SendMessage`, {
    method: "POST",
    headers: { authorization: `Bearer ${ann.accessToken}`, "content-type": "application/json" },
    body: JSON.stringify({ conversationId: single, content: "by connect", type: "MESSAGE_TYPE_TEXT" }),
  });
  expect(response.status).toBe(200);
  await until("its trace ended", () => traceWith("HTTP POST rpc").some(({ name }) => name === "repo.commit"));
});

test("50 §2: records of a sampled trace carry traceparent and X-Trace-ID; others no traceparent", async () => {
  await using a = await openSocket(first, ann.accessToken);
  const seen: { content: string; traceparent: string | undefined; traceId: string | undefined }[] = [];
  const options = { group: "test.upstream", from: "end", commits: false, recordsMax: 10, bytesMax: 1e6 } as const;
  await using _ = await town.mq.subscribe(topics.upstream, options, async ({ records }) => {
    for (const { value, traceparent, headers } of records) {
      seen.push({ content: value.content, traceparent, traceId: headers["X-Trace-ID"] });
    }
    return { done: records.length };
  });
  await say(a, single, "sampled");
  tracer.configure({ sampler: "always_off", ratio: 1 });
  exporter.reset();
  await say(a, single, "not sampled");
  await until("both records", () => seen.length === 2);
  expect(seen[0]?.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  expect(seen[0]?.traceparent).toContain(seen[0]?.traceId?.replaceAll("-", "") ?? "?");
  expect(seen[1]).toMatchObject({ content: "not sampled", traceparent: undefined });
  expect(seen[1]?.traceId).toBeString();
  expect(exporter.getFinishedSpans()).toEqual([]);
});

test("a client cannot make a trace sampled that the sampler leaves out", async () => {
  tracer.configure({ sampler: "trace_id_ratio", ratio: 0.0001 });
  const headers = { traceparent: "00-0af7651916cd43dd8448eb21ffffffff-b7ad6b7169203331-01" };
  await fetch(`${second}/api/conversations`, { headers });
  expect(exporter.getFinishedSpans()).toEqual([]);
});
