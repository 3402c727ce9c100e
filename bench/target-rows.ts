import { type AnyResult, at } from "./report/facts.ts";

/** A row of the table of targets. */
export interface TargetRow {
  readonly name: string;
  readonly what: string;
  readonly target: string;
  /** Words after `gochat bench`. */
  readonly words: readonly string[];
  /** The figures that decide, for people. */
  figures(result: AnyResult): string;
  meets(result: AnyResult): boolean;
  /** Only with the processes of `make up`. */
  readonly needsUp?: boolean;
}

const num = (result: AnyResult, path: string): number => {
  const value = at(result, path);
  return typeof value === "number" ? value : Number.NaN;
};

const text = (result: AnyResult, ...parts: readonly (readonly [label: string, path: string, unit: string])[]): string =>
  parts.map(([label, path, unit]) => `${label} ${num(result, path)} ${unit}`.trim()).join(", ");

const cpu = (result: AnyResult): string =>
  text(
    result,
    ["", "serverCpuUsPerDelivery", "µs"],
    ["bare", "referenceCpuUsPerDelivery", "µs"],
    ["ratio", "ratioToReference", ""],
  );

// A server that has run for a minute: one that has just started compiles more than it serves at this rate.
const small = ["--conns", "1000", "--rate", "50", "--seconds", "9", "--warm", "20"];
const send = ["send", "--conns", "40"];

/** Every row but the soak, each with the seconds that three runs of all can afford. */
export const targetRows: readonly TargetRow[] = [
  {
    name: "world-text",
    what: "world, 1,000 sockets, 50 msg/s, text: CPU per delivery over bare Bun",
    target: "≤ 1.15",
    words: ["world", ...small],
    figures: cpu,
    meets: (r) => num(r, "ratioToReference") <= 1.15,
  },
  {
    name: "world-proto",
    what: "the same, binary",
    target: "≤ 1.15",
    words: ["world", ...small, "--proto"],
    figures: cpu,
    meets: (r) => num(r, "ratioToReference") <= 1.15,
  },
  {
    name: "world-5000",
    what: "world, 5,000 sockets, window 8: CPU per delivery over bare Bun; deliveries/s of one gateway process",
    target: "≤ 1.25; ≥ 400,000/s",
    words: ["world", "--conns", "5000", "--window", "8", "--seconds", "9"],
    figures: (r) => `${cpu(r)}, ${text(r, ["", "deliveriesPerSecond", "/s"])}`,
    meets: (r) => num(r, "ratioToReference") <= 1.25 && num(r, "deliveriesPerSecond") >= 400_000,
  },
  {
    name: "world-shaped",
    what: "world, 1,000 sockets, 500 msg/s with shaping: CPU per delivery, p99",
    target: "≤ 0.9 µs or 0.45 × bare publish, p99 ≤ 100 ms",
    words: ["world", "--conns", "1000", "--rate", "500", "--seconds", "9"],
    figures: (r) => `${cpu(r)}, ${text(r, ["p99", "latencyMs.p99", "ms"])}`,
    meets: (r) =>
      (num(r, "serverCpuUsPerDelivery") <= 0.9 || num(r, "ratioToReference") <= 0.45) && num(r, "latencyMs.p99") <= 100,
  },
  {
    name: "world-joined",
    what: "joined frames, 20 messages each, 5,000 sockets: CPU per delivery over bare Bun with the same frames",
    target: "≤ 1.15",
    words: ["world", "--conns", "5000", "--rate", "200", "--joined", "20", "--seconds", "9"],
    figures: (r) =>
      `${cpu(r)}, ${text(r, ["messages per frame", "rowsPerFrame", ""], ["bare", "referenceRowsPerFrame", ""])}`,
    meets: (r) => num(r, "ratioToReference") <= 1.15,
  },
  {
    name: "idle",
    what: "memory per idle signed-in session, 19,500 sockets in one process",
    target: "≤ 3 KB",
    words: ["idle", "--conns", "19500", "--seconds", "6"],
    figures: (r) => text(r, ["", "rssBytesPerConnection", "B"], ["bare", "referenceRssBytesPerConnection", "B"]),
    meets: (r) => num(r, "rssBytesPerConnection") <= 3 * 1024,
  },
  {
    name: "send",
    what: "stored and acked sends, embedded, fsync on, load client included",
    target: "≥ 8,000/s, ack p99 ≤ 100 ms",
    words: [...send, "--closed", "500", "--seconds", "10"],
    figures: (r) => text(r, ["", "storedPerSecond", "/s"], ["ack p99", "ackMs.p99", "ms"]),
    meets: (r) => num(r, "storedPerSecond") >= 8000 && num(r, "ackMs.p99") <= 100,
  },
  {
    name: "send-up",
    what: "the same on Kafka, MySQL, Redis, etcd",
    target: "≥ 2,500/s, ack p99 ≤ 300 ms",
    words: [...send, "--closed", "500", "--seconds", "10", "--target", "up"],
    needsUp: true,
    figures: (r) => text(r, ["", "storedPerSecond", "/s"], ["ack p99", "ackMs.p99", "ms"]),
    meets: (r) => num(r, "storedPerSecond") >= 2500 && num(r, "ackMs.p99") <= 300,
  },
  {
    name: "end-to-end",
    what: "end to end, embedded, at half of the send target",
    target: "p50 ≤ 5 ms, p99 ≤ 30 ms",
    words: [...send, "--open", "4000", "--seconds", "10"],
    figures: (r) => text(r, ["p50", "deliverMs.p50", "ms"], ["p99", "deliverMs.p99", "ms"]),
    meets: (r) => num(r, "deliverMs.p50") <= 5 && num(r, "deliverMs.p99") <= 30,
  },
  {
    name: "storm",
    what: "connects with token check per gateway process",
    target: "≥ 3,000/s",
    words: ["storm", "--conns", "6000", "--wave"],
    figures: (r) => text(r, ["", "connectsPerSecond", "/s"], ["p95", "connectMs.p95", "ms"]),
    meets: (r) => num(r, "connectsPerSecond") >= 3000,
  },
  {
    name: "slow-readers",
    what: "1 % of 5,000 sockets never read: p99 of the others, memory",
    target: "± 20 %, bounded and back",
    words: "world --conns 5000 --rate 21 --joined 3 --size 4000 --seconds 44 --slow-readers 1".split(" "),
    figures: (r) =>
      `${text(r, ["p99", "slowReaders.p99BeforeMs", "ms"], ["with", "slowReaders.p99WithMs", "ms"], ["closed", "slowReaders.closed", ""])} of ${num(r, "slowReaders.count")}, ${text(r, ["memory", "slowReaders.rssMiB.before", ""], ["most", "slowReaders.rssMiB.peak", ""], ["after", "slowReaders.rssMiB.after", "MiB"])}`,
    meets: (r) =>
      num(r, "slowReaders.p99WithMs") <= num(r, "slowReaders.p99BeforeMs") * 1.2 &&
      num(r, "slowReaders.closed") === num(r, "slowReaders.count") &&
      num(r, "slowReaders.rssMiB.after") <= num(r, "slowReaders.rssMiB.before") * 1.15 + 20 &&
      num(r, "slowReaders.rssMiB.peak") <= num(r, "slowReaders.rssMiB.before") + num(r, "slowReaders.count") * 1.5 + 50,
  },
];

/** Faithful, and the figure within its target. */
export function meetsTarget(row: TargetRow, result: AnyResult): boolean {
  return num(result, "lost") + num(result, "duplicated") + num(result, "reordered") === 0 && row.meets(result);
}
