import { startCrew } from "./crew.ts";
import type { OpenFigures } from "./load/commands.ts";
import { createHistogram, unpacked } from "./load/figures.ts";
import { joinVerdicts } from "./load/verify.ts";
import { settingsFor, spread } from "./loopback.ts";
import { type CommonOptions, commonFlags, commonOf, readFlags, whole } from "./options.ts";
import { createProgress } from "./progress.ts";
import { curveOf, type LatencyMs, latencyOf, type RunResult, round, stamp } from "./result.ts";
import { openTarget } from "./target.ts";
import { clientLine, latencyText } from "./world-result.ts";

/** What `gochat bench storm` may be told. */
export interface StormOptions extends CommonOptions {
  /** Sockets, each of a guest of its own, 1…100,000. */
  conns: number;
  /** Handshakes in flight, 1…20,000; as many as sockets makes a wall of them. */
  atOnce: number;
  /** Then lose all sockets at once and let them come back and sync. */
  wave: boolean;
  /** Gateway processes of an embedded server. */
  processes: number;
  pinned: boolean;
}

export function parseStormOptions(args: readonly string[]): StormOptions {
  const defaults = { conns: "5000", "at-once": "256", wave: false, processes: "1", "no-pin": false } as const;
  const flags = readFlags(args, { ...commonFlags, ...defaults });
  return {
    ...commonOf("storm", args, flags),
    conns: whole("conns", flags.conns, 1, 100_000),
    atOnce: whole("at-once", flags["at-once"], 1, 20_000),
    wave: flags.wave,
    processes: whole("processes", flags.processes, 1, 16),
    pinned: !flags["no-pin"],
  };
}

/** Sockets that were opened together. */
export interface Opening {
  readonly perSecond: number;
  readonly seconds: number;
  /** From TCP connect to `connected`; of a wave from its begin to the answer of `sync`. */
  readonly ms: LatencyMs & { readonly p95: number };
  readonly serverCpuUsEach: number | null;
  /** Answered 503 and tried again. */
  readonly turnedAway: number;
}

/** What a run of `gochat bench storm` measured; the names are for tools and stay. */
export interface StormResult extends RunResult {
  readonly scenario: "storm";
  readonly connectsPerSecond: number;
  readonly connectMs: Opening["ms"];
  readonly connects: Opening;
  readonly wave: Opening | null;
  /** Growth of resident memory of all processes of the server per socket, null where they cannot be seen. What signing in had
   *  taken is used first, so `idle` is the measure. */
  readonly rssBytesPerConnection: number | null;
  /** Messages that every socket had to have in the end. */
  readonly written: number;
  /** Open sockets that the server ended, while others connected and in the wave. */
  readonly closed: { readonly connecting: number; readonly after: number };
}

/** Written while all are there, while none is, and while they come back. */
const messages = 10;

/** Opens sockets as fast as they are taken, each with a token that the gateway has not seen. What is written
 *  meanwhile every socket must have in the end. */
export async function runStorm(options: StormOptions): Promise<StormResult> {
  const progress = createProgress();
  progress.say(options.target === "embedded" ? "starting a server" : `finding ${options.target}`);
  const settings = { ...settingsFor(options.conns), ...options.set };
  const side = options.pinned ? "server" : "anywhere";
  await using server = await openTarget({ target: options.target, settings, gateways: options.processes, side });
  await using crew = startCrew(options.conns, { side: options.pinned ? "client" : "anywhere", fleets: 1 });
  const [url = ""] = server.urls;
  progress.say(`signing ${options.conns} guests in`);
  await crew.people({ url, registered: false });
  const measured = async (run: () => Promise<OpenFigures[]>) => {
    const before = server.cpuUs();
    const figures = await run();
    const after = server.cpuUs();
    return { figures, cpuUs: before === undefined || after === undefined ? undefined : after - before };
  };
  const rssBefore = server.rssBytes();
  progress.say(`opening ${options.conns} sockets, ${options.atOnce} at once`);
  const atOnce = Math.ceil(options.atOnce / crew.processes.length);
  const open = {
    fleet: "gochat",
    dialect: "text",
    joined: false,
    urls: spread(server.urls, options.conns),
    atOnce,
  } as const;
  const opened = await measured(() => crew.open(open));
  const rssAfter = server.rssBytes();
  const closed = await crew.closed("gochat");
  await crew.converse({ fleet: "gochat", url, kind: "world", members: 0 });
  const write = () => crew.first.ask.post({ fleet: "gochat", url, count: messages });
  const verify = () => crew.verify({ fleet: "gochat", url, lastSeq: 0 });
  await write();
  const verdicts = [await verify()];
  let waved: Awaited<ReturnType<typeof measured>> | undefined;
  if (options.wave) {
    progress.say(`losing ${options.conns} sockets; they come back and sync`);
    await Promise.all(crew.processes.map(({ ask }) => ask.lose({ fleet: "gochat" })));
    await write();
    const comeBack = () => Promise.all(crew.processes.map(({ ask }) => ask.wave({ fleet: "gochat" })));
    [waved] = await Promise.all([measured(comeBack), write()]);
    verdicts.push(await verify());
  }
  const closedAfter = await crew.closed("gochat");
  progress.end();
  const connects = openingOf(opened);
  const cpuShare = Math.max(...opened.figures.map((one) => one.cpuShare));
  return {
    ...stamp("storm", options),
    scenario: "storm",
    connections: options.conns,
    seconds: connects.seconds,
    connectsPerSecond: connects.perSecond,
    connectMs: connects.ms,
    connects,
    wave: waved === undefined ? null : openingOf(waved),
    closed: { connecting: closed, after: closedAfter - closed },
    rssBytesPerConnection:
      rssBefore === undefined || rssAfter === undefined ? null : Math.round((rssAfter - rssBefore) / options.conns),
    ...joinVerdicts(verdicts),
    written: verdicts.length === 1 ? messages : 3 * messages,
    clientSaturated: cpuShare > 0.93,
    clientCpuShare: round(cpuShare),
    unit: "connects",
    points: [],
    curves: {
      connect: curveOf(unpacked(...opened.figures.map(({ latency }) => latency))),
      ...(waved === undefined ? {} : { wave: curveOf(unpacked(...waved.figures.map(({ latency }) => latency))) }),
    },
  };
}

function openingOf({ figures, cpuUs }: { figures: readonly OpenFigures[]; cpuUs: number | undefined }): Opening {
  const all = createHistogram();
  all.add(unpacked(...figures.map(({ latency }) => latency)));
  const opened = figures.reduce((sum, one) => sum + one.opened, 0);
  const seconds = Math.max(...figures.map((one) => one.seconds));
  return {
    perSecond: Math.round(opened / seconds),
    seconds: round(seconds),
    ms: { ...latencyOf(all), p95: round(all.getValueAtPercentile(95) / 1000) },
    serverCpuUsEach: cpuUs === undefined ? null : round(cpuUs / opened, 1),
    turnedAway: figures.reduce((sum, one) => sum + one.turnedAway, 0),
  };
}

export function stormVerdict({ connects, wave }: StormResult): string {
  const rate = connects.perSecond.toLocaleString("en");
  const back =
    wave === null ? "" : `; after the loss of all, ${wave.perSecond.toLocaleString("en")}/s were back and synced`;
  return `${rate} connects/s with a token check each, p95 ${connects.ms.p95} ms${back}.`;
}

export function stormText(result: StormResult): string {
  const lines = (name: string, one: Opening): string[] => [
    `  ${name.padEnd(18)} ${one.perSecond.toLocaleString("en")}/s in ${one.seconds} s   p95 ${one.ms.p95} ms   ${latencyText(one.ms)}`,
    `    server CPU         ${one.serverCpuUsEach ?? "unknown"} µs each   answered 503 and tried again ${one.turnedAway}`,
  ];
  return [
    stormVerdict(result),
    "",
    ...lines("connects", result.connects),
    ...(result.wave === null ? [] : lines("back and synced", result.wave)),
    `  closed             ${result.closed.connecting} open sockets ended by the server while others connected, ${result.closed.after} later`,
    `  memory grew by     ${result.rssBytesPerConnection?.toLocaleString("en") ?? "unknown"} B per socket`,
    `  ${result.written} messages         lost ${result.lost}, duplicated ${result.duplicated}, reordered ${result.reordered}`,
    ...clientLine(result),
  ].join("\n");
}
