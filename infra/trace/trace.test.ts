import { afterEach, describe, expect, test } from "bun:test";
import { createLogger, silentLogger } from "../clog/clog.ts";
import { loadConfig } from "../config/config.ts";
import { createMetrics } from "../metrics/metrics.ts";
import { createEmbeddedMq } from "../mq/embedded.ts";
import { type InRecord, type Mq, MqUnavailableError, outRecord, type Topic } from "../mq/mq.ts";
import { type TraceSettings, traceSpec } from "./config.ts";
import { parentOfBatch, tracedMq } from "./mq.ts";
import { openTracer } from "./open.ts";
import { isSampled } from "./sampling.ts";
import { noTracer, type Tracer, withSpan } from "./trace.ts";
import { formatTraceparent, parseTraceparent, w3cTraceId } from "./w3c.ts";

const settings = (change: Partial<TraceSettings>): TraceSettings => ({
  ...loadConfig(traceSpec, { environment: "development" }).config,
  ...change,
});

interface Line {
  readonly span: string;
  readonly trace_id: string;
  readonly span_id: string;
  readonly parent_id?: string;
  readonly [name: string]: unknown;
}

const closing: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of closing.splice(0)) await one[Symbol.asyncDispose]();
});

/** A tracer that writes lines, and what it wrote once flushed. */
async function open(change: Partial<TraceSettings> = {}): Promise<{ tracer: Tracer; lines(): Promise<Line[]> }> {
  const written: string[] = [];
  const tracer = await openTracer(settings({ exporter: "stdout", ...change }), {
    service: "test",
    clog: silentLogger,
    metrics: createMetrics(),
    write: (line) => void written.push(line),
  });
  closing.push(tracer);
  return {
    tracer,
    async lines() {
      await tracer.flush();
      return written.map((line) => JSON.parse(line) as Line);
    },
  };
}

describe("W3C trace context", () => {
  test("a traceparent is read, written, and refused when it is none", () => {
    const text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const context = parseTraceparent(text);
    expect(context).toEqual({
      traceId: "0af7651916cd43dd8448eb211c80319c",
      spanId: "b7ad6b7169203331",
      sampled: true,
    });
    expect(context === undefined ? "" : formatTraceparent(context)).toBe(text);
    expect(parseTraceparent(text.replace(/01$/, "00"))?.sampled).toBe(false);
    expect(parseTraceparent(`cc${text.slice(2)}-later`)?.spanId).toBe("b7ad6b7169203331");
    for (const bad of [
      undefined,
      null,
      "",
      "00-1",
      `ff${text.slice(2)}`,
      `${text}-more`,
      text.toUpperCase(),
      text.replace("0af7651916cd43dd8448eb211c80319c", "0".repeat(32)),
      text.replace("b7ad6b7169203331", "0".repeat(16)),
    ]) {
      expect(parseTraceparent(bad)).toBeUndefined();
    }
  });

  test("X-Trace-ID: a UUID is the trace id, other texts give the same one each time", () => {
    expect(w3cTraceId("0190C2A8-7000-7abc-8def-0123456789ab")).toBe("0190c2a870007abc8def0123456789ab");
    expect(w3cTraceId("0af7651916cd43dd8448eb211c80319c")).toBe("0af7651916cd43dd8448eb211c80319c");
    expect(w3cTraceId("mine")).toMatch(/^[0-9a-f]{32}$/);
    expect(w3cTraceId("mine")).toBe(w3cTraceId("mine"));
  });
});

describe("sampling", () => {
  test("trace_id_ratio keeps its share, by the trace id alone", () => {
    const ids = Array.from({ length: 4000 }, () => w3cTraceId(Bun.randomUUIDv7()));
    const kept = ids.filter((id) => isSampled(id, 0.1));
    expect(kept.length).toBeGreaterThan(250);
    expect(kept.length).toBeLessThan(600);
    expect(kept.every((id) => isSampled(id, 0.2))).toBe(true);
    expect(ids.every((id) => isSampled(id, 1) && !isSampled(id, 0))).toBe(true);
  });

  test("off: no span, no context looked for; hot", async () => {
    const { tracer, lines } = await open({ sampler: "always_off" });
    expect(tracer.enabled).toBe(false);
    expect(tracer.startTrace("a", Bun.randomUUIDv7())).toBeUndefined();
    expect(tracer.startSpan("b", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")).toBeUndefined();
    expect(await lines()).toEqual([]);
  });

  test("exporter none: the tracer that does nothing", async () => {
    const deps = { service: "test", clog: silentLogger, metrics: createMetrics() };
    expect(await openTracer(settings({}), deps)).toBe(noTracer);
  });
});

describe("spans", () => {
  test("children carry the trace of their root and name their parent; an unsampled context has none", async () => {
    const { tracer, lines } = await open();
    const id = Bun.randomUUIDv7();
    const root = tracer.startTrace("root", id, { attributes: { topic: "x" } });
    await withSpan(tracer, "child", root?.traceparent, async (inner) => {
      expect(parseTraceparent(inner)?.traceId).toBe(w3cTraceId(id));
    });
    root?.end();
    expect(tracer.startSpan("none", undefined)).toBeUndefined();
    expect(tracer.startSpan("none", root?.traceparent.replace(/01$/, "00"))).toBeUndefined();
    const [child, parent] = await lines();
    expect(child).toMatchObject({ span: "child", trace_id: w3cTraceId(id), parent_id: parent?.span_id });
    expect(parent).toMatchObject({ span: "root", topic: "x", service: "test" });
    expect(parent?.parent_id).toBeUndefined();
  });

  test("a failure is told by its code or name, never by its message", async () => {
    const { tracer, lines } = await open();
    const parent = tracer.startTrace("root", "1")?.traceparent;
    const failing = withSpan(tracer, "failing", parent, () => Promise.reject(new RangeError("what a user wrote")));
    expect(await failing.catch((error: unknown) => error)).toBeInstanceOf(RangeError);
    const text = JSON.stringify(await lines());
    expect(text).toContain("RangeError");
    expect(text).not.toContain("what a user wrote");
  });
});

const topic: Topic<string> = {
  name: "gochat.messages.upstream.of-somebody",
  type: "test.Text",
  codec: {
    encode: (text) => new TextEncoder().encode(text),
    decode: (bytes) => new TextDecoder().decode(bytes),
    sizeOf: (text) => text.length,
  },
  partitions: 1,
  durable: false,
  retentionMs: 60_000,
  deadLetter: false,
};

describe.each([false, true])("the log, durable: %p", (durable) => {
  const own = { ...topic, durable };

  async function log(tracer: Tracer): Promise<{ mq: Mq; read: (count: number) => Promise<InRecord<string>[]> }> {
    const mq = tracedMq(createEmbeddedMq({ file: ":memory:", clog: silentLogger, metrics: createMetrics() }), tracer);
    closing.push(mq);
    const records: InRecord<string>[] = [];
    const options = { group: "g", from: "earliest", commits: true, recordsMax: 10, bytesMax: 1e6 } as const;
    await mq.subscribe(own, options, async (batch) => {
      records.push(...batch.records);
      return { done: batch.records.length };
    });
    return {
      mq,
      async read(count) {
        while (records.length < count) await Bun.sleep(1);
        return records;
      },
    };
  }

  test("60 §11: context is added on the way in and restored on the way out", async () => {
    const { tracer, lines } = await open();
    const { mq, read } = await log(tracer);
    const root = tracer.startTrace("root", Bun.randomUUIDv7());
    const headers = { traceparent: root?.traceparent ?? "" };
    await mq.send([outRecord(own, "k", "plain"), outRecord(own, "k", "traced", headers)] as never);
    const [plain, traced] = await read(2);
    expect(plain?.traceparent).toBeUndefined();
    const all = await lines();
    const produce = all.find(({ span }) => span === "mq.produce upstream");
    expect(parseTraceparent(traced?.traceparent)?.spanId).toBe(produce?.span_id ?? "?");
    expect(all.map(({ span }) => span).sort()).toEqual(["mq.produce upstream", "mq.wait upstream"]);
    expect(all.find(({ span }) => span === "mq.wait upstream")?.parent_id).toBe(produce?.span_id ?? "?");
    expect(parentOfBatch(tracer, await read(2))).toBe(traced?.traceparent ?? "?");
    expect(parentOfBatch(noTracer, await read(2))).toBeUndefined();
  });

  test("a produce that fails ends its span as failed", async () => {
    const { tracer, lines } = await open();
    const { mq } = await log(tracer);
    const headers = { traceparent: tracer.startTrace("root", "1")?.traceparent ?? "" };
    await mq[Symbol.asyncDispose]();
    const sending = mq.send([outRecord(own, "k", "late", headers)] as never);
    expect(await sending.catch((error: unknown) => error)).toBeInstanceOf(MqUnavailableError);
    expect(await lines()).toMatchObject([{ span: "mq.produce upstream", "error.type": "MqUnavailableError" }]);
  });
});

describe("OTLP over HTTP", () => {
  test("spans reach a collector", async () => {
    const bodies: unknown[] = [];
    using collector = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: async (request) => {
        bodies.push({ path: new URL(request.url).pathname, body: await request.json() });
        return Response.json({});
      },
    });
    const metrics = createMetrics();
    const endpoint = `${collector.url.href}v1/traces`;
    const tracer = await openTracer(settings({ exporter: "otlp", endpoint }), {
      service: "im-test",
      clog: silentLogger,
      metrics,
    });
    const span = tracer.startTrace("root", "0190c2a8-7000-7abc-8def-0123456789ab", { kind: "server" });
    span?.end();
    await tracer[Symbol.asyncDispose]();
    expect(bodies).toHaveLength(1);
    const text = JSON.stringify(bodies[0]);
    for (const part of ["/v1/traces", "im-test", "0190c2a870007abc8def0123456789ab", "root"]) {
      expect(text).toContain(part);
    }
    expect(await metrics.render()).toContain('gochat_trace_spans_total{result="exported"} 1');
  });

  test("a collector that refuses costs its spans: counted, said once, nothing fails", async () => {
    using collector = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: () => new Response("no", { status: 400 }),
    });
    const metrics = createMetrics();
    const log: string[] = [];
    const clog = createLogger({ service: "t", level: "info", format: "json", write: (line) => log.push(line) });
    const endpoint = `${collector.url.href}v1/traces`;
    const tracer = await openTracer(settings({ exporter: "otlp", endpoint }), { service: "im-test", clog, metrics });
    for (let round = 0; round < 2; round += 1) {
      tracer.startTrace("root", String(round))?.end();
      await tracer.flush();
    }
    await tracer[Symbol.asyncDispose]();
    expect(await metrics.render()).toContain('gochat_trace_spans_total{result="lost"} 2');
    expect(log.filter((line) => line.includes("spans cannot be exported"))).toHaveLength(1);
  });
});
