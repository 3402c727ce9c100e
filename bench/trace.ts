import { parseArgs } from "node:util";
import { silentLogger } from "#infra/clog/clog.ts";
import { createMetrics } from "#infra/metrics/metrics.ts";
import { createEmbeddedMq } from "#infra/mq/embedded.ts";
import { type Mq, type OutRecord, outRecord, type Topic } from "#infra/mq/mq.ts";
import { parentOfBatch, tracedMq } from "#infra/trace/mq.ts";
import { openTracer } from "#infra/trace/open.ts";
import { noTracer, type Tracer, withSpan } from "#infra/trace/trace.ts";
import { BenchUsageError } from "./options.ts";
import { machine, round } from "./result.ts";

/** What one send pays for tracing: the span of its frame, those of the log around it, that of its commit. `plain` is the
 *  same path without a line of tracing in it. */
export interface TraceResult {
  readonly scenario: "trace";
  /** CPU ns per send, median of the rounds. */
  readonly ns: Readonly<Record<Mode, number>>;
  readonly sends: number;
  readonly batch: number;
  readonly rounds: number;
  readonly versions: { readonly bun: string };
  readonly machine: ReturnType<typeof machine>;
}

export function parseTraceOptions(args: readonly string[]): { readonly json: string | undefined } {
  try {
    return { json: parseArgs({ args: [...args], options: { json: { type: "string" } } }).values.json };
  } catch (error) {
    throw new BenchUsageError(error instanceof Error ? error.message : String(error));
  }
}

const modes = ["plain", "none", "off", "ratio", "on"] as const;
type Mode = (typeof modes)[number];

const sends = 40_000;
const batch = 20;
const rounds = 7;

/** The rounds take turns, so that what else the machine does meets all modes. */
export async function runTrace(): Promise<TraceResult> {
  await using stack = new AsyncDisposableStack();
  const paths = new Map<Mode, () => Promise<void>>();
  for (const mode of modes) paths.set(mode, await pathOf(mode, stack));
  const figures = new Map<Mode, number[]>(modes.map((mode) => [mode, []]));
  for (let n = -1; n < rounds; n += 1) {
    for (const [mode, path] of paths) {
      const before = process.cpuUsage();
      await path();
      const used = process.cpuUsage(before);
      // The first round lets the compilers of the runtime come to rest.
      if (n >= 0) figures.get(mode)?.push(((used.user + used.system) * 1000) / sends);
    }
  }
  const of = (mode: Mode): number => round(median(figures.get(mode) ?? []), 0);
  return {
    scenario: "trace",
    ns: { plain: of("plain"), none: of("none"), off: of("off"), ratio: of("ratio"), on: of("on") },
    sends,
    batch,
    rounds,
    versions: { bun: Bun.version },
    machine: machine(),
  };
}

export function traceText({ ns }: TraceResult): string {
  const line = (mode: Mode, what: string): string =>
    `${what.padEnd(42)}${String(ns[mode]).padStart(8)}${String(ns[mode] - ns.plain).padStart(10)}`;
  return [
    "CPU ns per send through the log                 all   tracing",
    line("plain", "no tracing in the path"),
    line("none", "exporter none, as by default"),
    line("off", "sampler always_off"),
    line("ratio", "one trace of a thousand"),
    line("on", "every trace"),
  ].join("\n");
}

const topic: Topic<string> = {
  name: "gochat.messages.upstream",
  type: "bench.Text",
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

async function pathOf(mode: Mode, stack: AsyncDisposableStack): Promise<() => Promise<void>> {
  const inner = createEmbeddedMq({ file: ":memory:", clog: silentLogger, metrics: createMetrics() });
  const tracer = stack.use(await tracerOf(mode));
  const mq: Mq = stack.use(mode === "plain" ? inner : tracedMq(inner, tracer));
  let handled = 0;
  let wanted = (): void => {};
  const options = { group: "bench", from: "earliest", commits: true, recordsMax: 500, bytesMax: 1 << 20 } as const;
  await mq.subscribe(topic, options, async ({ records }) => {
    if (mode !== "plain") await withSpan(tracer, "commit", parentOfBatch(tracer, records), () => Promise.resolve());
    handled += records.length;
    if (handled % sends === 0) wanted();
    return { done: records.length };
  });
  return async () => {
    const all = new Promise<void>((resolve) => {
      wanted = resolve;
    });
    for (let sent = 0; sent < sends; sent += batch) {
      const records: OutRecord[] = [];
      for (let n = 0; n < batch; n += 1) records.push(mode === "plain" ? plain() : traced(tracer));
      await mq.send(records);
      // A turn, as between two reads of sockets.
      await new Promise((resolve) => setImmediate(resolve));
    }
    await all;
  };
}

function plain(): OutRecord {
  return outRecord(topic, "c", "hello", { "X-Trace-ID": Bun.randomUUIDv7() }) as OutRecord;
}

function traced(tracer: Tracer): OutRecord {
  const traceId = Bun.randomUUIDv7();
  const span = tracer.startTrace("ws.receive", traceId, { kind: "server" });
  if (span === undefined) return outRecord(topic, "c", "hello", { "X-Trace-ID": traceId }) as OutRecord;
  span.end();
  const headers = { "X-Trace-ID": traceId, traceparent: span.traceparent };
  return outRecord(topic, "c", "hello", headers) as OutRecord;
}

/** Spans go to a collector that does nothing with them. */
async function tracerOf(mode: Mode): Promise<Tracer> {
  if (mode === "plain" || mode === "none") return noTracer;
  const sampler = mode === "off" ? "always_off" : mode === "on" ? "always_on" : "trace_id_ratio";
  return await openTracer(
    { exporter: "stdout", endpoint: "", sampler, ratio: 0.001, flushEvery: 1000 },
    { service: "bench", clog: silentLogger, metrics: createMetrics(), write: () => undefined },
  );
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
