import { round } from "./result.ts";

/** One round of one driver: records produced and consumed, and the CPU of this process for both. */
export interface Round {
  readonly recordsPerSecond: number;
  readonly cpuUsPerRecord: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly reordered: number;
}

export interface DriverFigures extends Round {
  /** The quickest and the slowest round, records per second. */
  readonly range: readonly [number, number];
}

/** What `gochat bench mq` measured; the names are for tools and stay. */
export interface MqResult {
  readonly scenario: "mq";
  readonly records: number;
  readonly valueBytes: number;
  readonly recordsPerSend: number;
  readonly partitions: number;
  readonly rounds: number;
  /** `memory` is the floor: no bytes, no file. `sqlite` syncs every group commit. `kafka` is there when a broker was named;
   *  the broker's own CPU is not counted. */
  readonly drivers: Readonly<Record<string, DriverFigures>>;
  readonly versions: Readonly<Record<string, string>>;
  readonly machine: Readonly<Record<string, string | number>>;
}

/** The round in the middle by CPU; faults of all rounds. */
export function medianRound(rounds: readonly Round[]): DriverFigures {
  const sorted = rounds.toSorted((a, b) => a.cpuUsPerRecord - b.cpuUsPerRecord);
  const middle = sorted[Math.floor(sorted.length / 2)];
  const rates = rounds.map((one) => Math.round(one.recordsPerSecond));
  const sum = (of: (one: Round) => number): number => rounds.reduce((all, one) => all + of(one), 0);
  return {
    recordsPerSecond: Math.round(middle?.recordsPerSecond ?? 0),
    cpuUsPerRecord: round(middle?.cpuUsPerRecord ?? 0),
    range: [Math.min(...rates), Math.max(...rates)],
    lost: sum((one) => one.lost),
    duplicated: sum((one) => one.duplicated),
    reordered: sum((one) => one.reordered),
  };
}

export function faultsOf({ drivers }: MqResult): number {
  return Object.values(drivers).reduce((all, one) => all + one.lost + one.duplicated + one.reordered, 0);
}

/** The result for people: the verdict first. */
export function mqText(result: MqResult): string {
  const lines = [
    faultsOf(result) === 0 ? "Every record came once and in order." : "NOT FAITHFUL: these figures do not count.",
    "",
    `  ${result.records.toLocaleString("en")} records of ${result.valueBytes} B, ${result.recordsPerSend} per send, ${result.partitions} partitions, produced and consumed in one process`,
    "",
    `  ${"log".padEnd(8)} ${"records/s".padStart(10)} ${"CPU µs".padStart(8)}   lost  dup  reord   slowest … quickest`,
  ];
  for (const [name, one] of Object.entries(result.drivers)) {
    const figures = `${one.recordsPerSecond.toLocaleString("en").padStart(10)} ${one.cpuUsPerRecord.toFixed(2).padStart(8)}`;
    const faults = `${String(one.lost).padStart(7)} ${String(one.duplicated).padStart(4)} ${String(one.reordered).padStart(6)}`;
    lines.push(
      `  ${name.padEnd(8)} ${figures}${faults}   ${one.range.map((rate) => rate.toLocaleString("en")).join(" … ")}`,
    );
  }
  if (result.drivers.kafka === undefined) lines.push("", "  Kafka left out: name a broker with --kafka HOST:PORT.");
  return lines.join("\n");
}
