import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Crew, startCrew } from "./crew.ts";
import type { Verdict } from "./load/verify.ts";
import { socketsPerProcess } from "./load-process.ts";
import { settingsFor, spread } from "./loopback.ts";
import { type CommonOptions, commonFlags, commonOf, readFlags, whole } from "./options.ts";
import { createProgress, type Progress } from "./progress.ts";
import { startReference } from "./reference-server.ts";
import { type RunResult, round, stamp } from "./result.ts";
import { driveRound, type Meter } from "./round.ts";
import { openTarget, type Target } from "./target.ts";

/** What `gochat bench idle` may be told. */
export interface IdleOptions extends CommonOptions {
  /** Sockets, each of a guest of its own, 1,000…100,000. */
  conns: number;
  /** Silence after the last socket, before memory is read. */
  seconds: number;
  processes: number;
  encoding: "text" | "proto";
  reference: boolean;
}

export function parseIdleOptions(args: readonly string[]): IdleOptions {
  const defaults = { conns: "19500", seconds: "15", processes: "1", text: false, proto: false } as const;
  const flags = readFlags(args, { ...commonFlags, ...defaults, "no-reference": false });
  return {
    ...commonOf("idle", args, flags),
    conns: whole("conns", flags.conns, 1000, 100_000),
    seconds: whole("seconds", flags.seconds, 1, 3600),
    processes: whole("processes", flags.processes, 1, 16),
    encoding: flags.proto ? "proto" : "text",
    reference: !flags["no-reference"],
  };
}

/** What a run of `gochat bench idle` measured; the names are for tools and stay. */
export interface IdleResult extends RunResult {
  readonly scenario: "idle";
  /** Resident memory of the server per socket, between the first tenth of the sockets and all. */
  readonly rssBytesPerConnection: number | null;
  /** The same of bare `Bun.serve`. */
  readonly referenceRssBytesPerConnection: number | null;
  readonly rssBytes: number | null;
  /** CPU of the server while all are silent, percent of a core. */
  readonly idleCpuPercent: number | null;
  /** Memory by sockets: [sockets, MiB]. */
  readonly steps: readonly (readonly [number, number])[];
  /** Sockets that the server ended. */
  readonly closed: number;
  readonly referenceSteps: readonly (readonly [number, number])[];
  /** Of the one message that is sent when memory was read: to as many sockets it must come, once. */
  readonly deliveries: number;
}

const parts = [0.1, 0.4, 0.7, 1] as const;
/** After the sockets of a step, before its memory is read. */
const settleMs = 2000;

/** People sign in at one process; a fresh one on the same data takes their sockets, so that nothing but sessions grows. */
export async function runIdle(options: IdleOptions): Promise<IdleResult> {
  const progress = createProgress();
  const data = await mkdtemp(join(tmpdir(), "gochat-idle-"));
  const { target, conns } = options;
  const settings = { ...settingsFor(conns), ...options.set };
  const place = { target, settings, gateways: options.processes, side: "server", data } as const;
  await using crew = startCrew(conns, { side: "client", fleets: 1 });
  try {
    progress.say(`signing ${conns} guests in`);
    {
      await using first = await openTarget(place);
      await crew.people({ url: first.urls[0] ?? "", registered: false });
    }
    await using server = await openTarget(place);
    const gochat = await grow(crew, "gochat", server, spread(server.urls, conns), options, progress);
    const checked = await checkAll(crew, server, options, progress);
    const floor = options.reference ? await growReference(options, progress) : undefined;
    progress.end();
    return resultOf(options, gochat, floor, checked);
  } finally {
    await rm(data, { recursive: true, force: true });
  }
}

interface Checked extends Verdict {
  readonly deliveries: number;
}

/** The sockets were silent, and still there: one message reaches every one of them exactly once. */
async function checkAll(crew: Crew, server: Target, options: IdleOptions, progress: Progress): Promise<Checked> {
  const fleet = "gochat";
  const [url = ""] = server.urls;
  progress.say(`one message to ${options.conns} sockets`);
  await crew.converse({ fleet, url, kind: "world", members: 0 });
  const plan = { pace: { at: "open", perSecond: 1, burst: 1 }, seconds: 0.5, size: 200, until: "shown" } as const;
  const parts = { crew, fleet, plan, meter: server, progress, unit: "deliveries", label: "", sinceS: 0 } as const;
  const { sent, deliveries } = await driveRound(parts);
  const verdict = await crew.verify({ fleet, url, lastSeq: 0 });
  const again = Math.max(0, deliveries - sent * options.conns);
  return { ...verdict, duplicated: verdict.duplicated + again, deliveries };
}

interface Growth {
  readonly steps: [number, number][];
  readonly bytesEach: number | null;
  readonly rssBytes: number | undefined;
  readonly idleCpuPercent: number | null;
  readonly closed: number;
  readonly seconds: number;
}

async function grow(
  crew: Crew,
  fleet: "gochat" | "reference",
  meter: Meter,
  urls: readonly string[],
  options: IdleOptions,
  progress: Progress,
): Promise<Growth> {
  const dialect = fleet === "gochat" ? options.encoding : "reference";
  const steps: [number, number][] = [];
  const startMs = performance.now();
  let firstBytes = 0;
  for (const part of parts) {
    const sockets = Math.round(options.conns * part);
    progress.say(`${fleet}: ${sockets} sockets`);
    await crew.open({ fleet, dialect, joined: false, urls, atOnce: 256 }, part);
    await Bun.sleep(settleMs);
    if (part === 1) await Bun.sleep(options.seconds * 500);
    const bytes = meter.rssBytes() ?? 0;
    if (steps.length === 0) firstBytes = bytes;
    steps.push([sockets, round(bytes / 2 ** 20, 1)]);
  }
  const cpu = meter.cpuUs();
  await Bun.sleep(options.seconds * 500);
  const used = cpu === undefined ? undefined : (meter.cpuUs() ?? 0) - cpu;
  const rssBytes = meter.rssBytes();
  const between = options.conns - Math.round(options.conns * parts[0]);
  if (rssBytes !== undefined) steps.splice(-1, 1, [options.conns, round(rssBytes / 2 ** 20, 1)]);
  return {
    steps,
    rssBytes,
    bytesEach: rssBytes === undefined ? null : Math.round((rssBytes - firstBytes) / between),
    idleCpuPercent: used === undefined ? null : round(used / (options.seconds * 5000), 2),
    closed: await crew.closed(fleet),
    seconds: (performance.now() - startMs) / 1000,
  };
}

/** In one process, with no more sockets than that may open. */
async function growReference(options: IdleOptions, progress: Progress): Promise<Growth> {
  const conns = Math.min(options.conns, socketsPerProcess);
  await using server = await startReference("server");
  await using crew = startCrew(conns, { side: "client", fleets: 1 });
  return await grow(crew, "reference", server, [server.url], { ...options, conns }, progress);
}

function resultOf(options: IdleOptions, gochat: Growth, floor: Growth | undefined, checked: Checked): IdleResult {
  return {
    ...stamp("idle", options),
    scenario: "idle",
    connections: options.conns,
    seconds: round(gochat.seconds),
    rssBytesPerConnection: gochat.bytesEach,
    referenceRssBytesPerConnection: floor?.bytesEach ?? null,
    rssBytes: gochat.rssBytes ?? null,
    idleCpuPercent: gochat.idleCpuPercent,
    steps: gochat.steps,
    referenceSteps: floor?.steps ?? [],
    closed: gochat.closed,
    ...checked,
    clientSaturated: false,
    clientCpuShare: 0,
    unit: "sockets",
    points: [],
    curves: {},
  };
}

export function idleVerdict(result: IdleResult): string {
  const floor = result.referenceRssBytesPerConnection;
  const beside = floor === null ? "" : `, bare Bun ${floor.toLocaleString("en")} B`;
  const each = result.rssBytesPerConnection?.toLocaleString("en") ?? "unknown";
  return `${each} B of memory per signed-in idle session at ${result.connections.toLocaleString("en")} sockets${beside}.`;
}

export function idleText(result: IdleResult): string {
  const line = (name: string, steps: IdleResult["steps"]): string =>
    `  ${name.padEnd(18)} ${steps.map(([sockets, mib]) => `${sockets.toLocaleString("en")}: ${mib} MiB`).join("   ")}`;
  return [
    idleVerdict(result),
    "",
    line("GoChat", result.steps),
    ...(result.referenceSteps.length === 0 ? [] : [line("bare Bun", result.referenceSteps)]),
    `  idle CPU           ${result.idleCpuPercent ?? "unknown"} % of a core`,
    `  closed             ${result.closed} sockets ended by the server`,
    `  one message        shown ${result.deliveries.toLocaleString("en")} times; lost ${result.lost}, duplicated ${result.duplicated}, reordered ${result.reordered}`,
  ].join("\n");
}
