/** One figure of a result. */
export interface Fact {
  readonly path: string;
  readonly label: string;
  readonly value: number;
  readonly unit: string;
  /** Which way is better; undefined for figures that only describe the run. */
  readonly better: "less" | "more" | undefined;
}

/** A result as it was written: read by path, since results of other versions may lack a field. */
export type AnyResult = Readonly<Record<string, unknown>>;

type Row = readonly [path: string, label: string, unit: string, better?: "less" | "more"];

const rows: readonly Row[] = [
  ["deliveriesPerSecond", "deliveries", "/s", "more"],
  ["serverCpuUsPerDelivery", "server CPU per delivery", "µs", "less"],
  ["referenceCpuUsPerDelivery", "bare Bun, CPU per delivery", "µs"],
  ["ratioToReference", "ratio to bare Bun", "×", "less"],
  ["peers.centrifugo.serverCpuUsPerDelivery", "Centrifugo, CPU per delivery", "µs"],
  ["peers.centrifugo.latencyMs.p99", "Centrifugo, p99", "ms"],
  ["peers.centrifugo.lost", "Centrifugo, lost", ""],
  ["rowsPerFrame", "messages per frame", ""],
  ["acceptedPerSecond", "accepted", "/s", "more"],
  ["storedPerSecond", "stored and acked", "/s", "more"],
  ["serverCpuUsPerMessage", "server CPU per message", "µs", "less"],
  ["connectsPerSecond", "connects", "/s", "more"],
  ["connectMs.p95", "connect, p95", "ms", "less"],
  ["wave.perSecond", "back and synced", "/s", "more"],
  ["wave.ms.p95", "back and synced, p95", "ms", "less"],
  ["latencyMs.p50", "latency, p50", "ms", "less"],
  ["latencyMs.p90", "latency, p90", "ms", "less"],
  ["latencyMs.p99", "latency, p99", "ms", "less"],
  ["latencyMs.p999", "latency, p99.9", "ms", "less"],
  ["latencyMs.max", "latency, most", "ms"],
  ["ackMs.p50", "ack, p50", "ms", "less"],
  ["ackMs.p99", "ack, p99", "ms", "less"],
  ["ackMs.max", "ack, most", "ms"],
  ["deliverMs.p50", "delivered, p50", "ms", "less"],
  ["deliverMs.p99", "delivered, p99", "ms", "less"],
  ["listMs.warm.p95", "list of conversations, warm, p95", "ms", "less"],
  ["listMs.cold.p95", "list of conversations, cold, p95", "ms", "less"],
  ["historyMs.warm.p95", "history page, warm, p95", "ms", "less"],
  ["historyMs.cold.p95", "history page, cold, p95", "ms", "less"],
  ["listMs.warm.statementsPerRequest", "statements per list", "", "less"],
  ["historyMs.warm.statementsPerRequest", "statements per history page", "", "less"],
  ["rssBytesPerConnection", "memory per socket", "B", "less"],
  ["referenceRssBytesPerConnection", "bare Bun, memory per socket", "B"],
  ["idleCpuPercent", "CPU while idle", "%", "less"],
  ["rssMiBStart", "memory after five minutes", "MiB"],
  ["rssMiBEnd", "memory at the end", "MiB"],
  ["rssGrowthPercent", "growth of memory after five minutes", "%", "less"],
  ["slowReaders.p99BeforeMs", "p99 with all reading", "ms"],
  ["slowReaders.p99WithMs", "p99 beside slow readers", "ms", "less"],
  ["fastUs", "CPU per call, fast path", "µs", "less"],
  ["libraryUs", "CPU per call, library", "µs", "less"],
  ["bareUs", "CPU per call, bare", "µs"],
  ["ratio", "ratio to bare", "×", "less"],
  ["lost", "lost", "", "less"],
  ["duplicated", "duplicated", "", "less"],
  ["reordered", "reordered", "", "less"],
  ["missed", "missed, announced", ""],
  ["refused", "refused", ""],
  ["connections", "sockets", ""],
  ["seconds", "seconds measured", "s"],
  ["clientCpuShare", "load client, cores", ""],
];

/** The figures that a result has, in the order of the table. */
export function factsOf(result: AnyResult): Fact[] {
  return rows.flatMap(([path, label, unit, better]) => {
    const value = at(result, path);
    return typeof value === "number" ? [{ path, label, value, unit, better }] : [];
  });
}

export function at(result: unknown, path: string): unknown {
  let value = result;
  for (const key of path.split(".")) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}

/** A change against an earlier result. */
export interface Change {
  readonly fact: Fact;
  readonly before: number;
  /** 0.1 = 10 % more. */
  readonly relative: number;
  readonly verdict: "better" | "worse" | "same";
}

/** Less than this is noise. */
export const noise = 0.1;

export function compare(result: AnyResult, baseline: AnyResult): Change[] {
  return factsOf(result).flatMap((fact): Change[] => {
    const before = at(baseline, fact.path);
    if (typeof before !== "number" || fact.better === undefined) return [];
    const relative = before === 0 ? (fact.value === 0 ? 0 : 1) : (fact.value - before) / Math.abs(before);
    const gain = fact.better === "more" ? relative : -relative;
    return [{ fact, before, relative, verdict: gain > noise ? "better" : gain < -noise ? "worse" : "same" }];
  });
}

export function compareText(changes: readonly Change[]): string {
  const moved = changes.filter(({ verdict }) => verdict !== "same");
  if (moved.length === 0) return "Against the baseline: nothing moved by more than 10 %.";
  const lines = moved.map(({ fact, before, relative, verdict }) => {
    const percent = `${relative > 0 ? "+" : ""}${Math.round(relative * 100)} %`;
    return `  ${verdict.padEnd(7)} ${fact.label.padEnd(36)} ${figure(before)} → ${figure(fact.value)} ${fact.unit}   ${percent}`;
  });
  return ["Against the baseline:", ...lines].join("\n");
}

/** A figure as people read it: three or four digits that matter. */
export function figure(value: number): string {
  const size = Math.abs(value);
  if (size >= 1000) return Math.round(value).toLocaleString("en");
  if (Number.isInteger(value)) return String(value);
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3);
}
