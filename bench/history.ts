import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Histogram } from "hdr-histogram-js";
import { holdOnClientCore } from "./cores.ts";
import { fillConversations } from "./history-fill.ts";
import { nowMs } from "./load/clock.ts";
import { createHistogram, record } from "./load/figures.ts";
import { openLane } from "./load/http-lanes.ts";
import { converse, type Person, registerPeople } from "./load/people.ts";
import { type CommonOptions, commonFlags, commonOf, readFlags, whole } from "./options.ts";
import { createProgress, type Progress } from "./progress.ts";
import { curveOf, type LatencyMs, latencyOf, type RunResult, round, stamp } from "./result.ts";
import { openTarget } from "./target.ts";

/** What `gochat bench history` may be told. */
export interface HistoryOptions extends CommonOptions {
  /** Groups of one person, 1…5,000. */
  conversations: number;
  /** Over all of them, 1…2,000,000. */
  messages: number;
  /** Requests of each kind, 10…100,000. */
  requests: number;
  /** Requests of each kind before those, which are told apart: the server's code is compiled while it runs. 0…100,000. */
  first: number;
  /** In flight, 1…500. */
  atOnce: number;
  /** Asks for packed answers, as browsers do; without it for plain ones, as a client on the same machine should. */
  gzip: boolean;
}

export function parseHistoryOptions(args: readonly string[]): HistoryOptions {
  const defaults = {
    conversations: "1000",
    messages: "200000",
    requests: "20000",
    first: "20000",
    "at-once": "50",
  } as const;
  const flags = readFlags(args, { ...commonFlags, ...defaults, gzip: false });
  return {
    ...commonOf("history", args, flags),
    conversations: whole("conversations", flags.conversations, 1, 5000),
    messages: whole("messages", flags.messages, 1, 2_000_000),
    requests: whole("requests", flags.requests, 10, 100_000),
    first: whole("first", flags.first, 0, 100_000),
    atOnce: whole("at-once", flags["at-once"], 1, 500),
    gzip: flags.gzip,
  };
}

/** Of one kind of request: its times, and what each took of the servers' CPU and how many statements of the database; null
 *  where that cannot be read. */
export type Times = LatencyMs & {
  readonly p95: number;
  readonly requests: number;
  readonly serverCpuUsPerRequest: number | null;
  readonly bytesPerRequest: number;
  readonly statementsPerRequest: number | null;
};

/** Of one kind. Cold: the first requests to a process that was just started, on a target of the bench's own; elsewhere simply the
 *  first. First: what follows, of lists and pages that were read before, by code that is still being compiled; null with
 *  `--first 0`. Warm: what follows that. */
export interface Phases {
  readonly cold: Times;
  readonly first: Times | null;
  readonly warm: Times;
}

/** What a run of `gochat bench history` measured; the names are for tools and stay. */
export interface HistoryResult extends RunResult {
  readonly scenario: "history";
  readonly conversations: number;
  readonly messages: number;
  readonly requestsAtOnce: number;
  /** Conversations of a list: two pages, since the API gives 100 at most; its times and statements are those of both. */
  readonly listSize: number;
  readonly listPages: number;
  readonly pageRows: number;
  readonly gzip: boolean;
  readonly listMs: Phases;
  readonly historyMs: Phases;
}

/** The list takes two pages of the largest size. */
const listSize = 200;
const listPageSize = 100;
const pageRows = 50;

export async function runHistory(options: HistoryOptions): Promise<HistoryResult> {
  const progress = createProgress();
  const data = await mkdtemp(join(tmpdir(), "gochat-history-"));
  const place = { target: options.target, settings: options.set, gateways: 1, data } as const;
  try {
    const startMs = nowMs();
    let filled: { reader: Person; ids: readonly string[] };
    {
      await using server = await openTarget({ ...place, side: "anywhere" });
      filled = await fill(server.urls[0] ?? "", options, progress);
    }
    holdOnClientCore();
    await using server = await openTarget({ ...place, side: "server" });
    const { reader, ids } = filled;
    const client = createClient(server.urls[0] ?? "", reader.token, options.gzip);
    const list = (): string[] => [1, 2].map((page) => `/api/conversations?size=${listPageSize}&page=${page}`);
    const page = (n: number): string[] => [
      `/api/conversations/${ids[(n * 7919) % ids.length]}/messages?limit=${pageRows}`,
    ];
    const run = async (label: string, paths: (n: number) => string[], count: number): Promise<Kind> => {
      progress.say(label);
      const before = { statements: await server.dbStatements(), cpuUs: server.cpuUs() };
      const figures = await client(paths, count, options.atOnce);
      const cpuUs = differenceOf(before.cpuUs, server.cpuUs());
      const statements = differenceOf(before.statements, await server.dbStatements());
      return { ...figures, requests: count, statements, cpuUs };
    };
    const kinds = {
      "list, cold": await run("list, cold", list, options.atOnce),
      "history, cold": await run("history, cold", page, Math.min(ids.length, options.requests)),
      "list, first": await run("list, first", list, options.first),
      "list, warm": await run("list, warm", list, options.requests),
      "history, first": await run("history, first", page, options.first),
      "history, warm": await run("history, warm", page, options.requests),
    };
    progress.end();
    return resultOf(options, kinds, (nowMs() - startMs) / 1000);
  } finally {
    await rm(data, { recursive: true, force: true });
  }
}

async function fill(url: string, options: HistoryOptions, progress: Progress) {
  progress.say("registering two people");
  const people = await registerPeople(url, 2);
  const [reader] = people;
  if (reader === undefined) throw new Error("nobody registered");
  progress.say(`making ${options.conversations} groups`);
  const ids: string[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < options.conversations) {
      next += 1;
      ids.push(await converse(url, people, true));
    }
  };
  await Promise.all(Array.from({ length: 16 }, lane));
  progress.say(`filling them with ${options.messages} messages`);
  await fillConversations(url, people, ids, options.messages, (done) => progress.show(`${done} messages`));
  return { reader, ids };
}

function differenceOf(before: number | undefined, after: number | undefined): number | undefined {
  return before === undefined || after === undefined ? undefined : after - before;
}

/** Closed loop: as many in flight as asked for, each on a connection of its own, one path after the other. Rejects at the
 *  first answer that is not 200. */
function createClient(url: string, token: string, gzip: boolean) {
  const { hostname, port, host } = new URL(url);
  const encoding = gzip ? "gzip" : "identity";
  const head = `Host: ${host}\r\nAuthorization: Bearer ${token}\r\nAccept-Encoding: ${encoding}\r\n\r\n`;
  return async (paths: (n: number) => string[], count: number, atOnce: number) => {
    const histogram = createHistogram();
    let next = 0;
    let bytes = 0;
    const work = async (): Promise<void> => {
      const lane = await openLane(hostname, Number(port));
      while (next < count) {
        const n = next;
        next += 1;
        const startMs = nowMs();
        for (const path of paths(n)) {
          const answer = await lane.send(`GET ${path} HTTP/1.1\r\n${head}`);
          if (answer.status !== 200) throw new Error(`${path} answered ${answer.status}`);
          bytes += answer.bytes;
        }
        record(histogram, nowMs() - startMs);
      }
      lane.close();
    };
    await Promise.all(Array.from({ length: Math.min(atOnce, count) }, work));
    return { histogram, bytes };
  };
}

interface Kind {
  readonly histogram: Histogram;
  readonly requests: number;
  readonly bytes: number;
  readonly statements: number | undefined;
  readonly cpuUs: number | undefined;
}

type Kinds = Readonly<Record<`${"list" | "history"}, ${keyof Phases}`, Kind>>;

function resultOf(options: HistoryOptions, kinds: Kinds, seconds: number): HistoryResult {
  const each = (sum: number | undefined, requests: number) => (sum === undefined ? null : round(sum / requests));
  const times = ({ histogram, requests, statements, cpuUs, bytes }: Kind): Times => ({
    ...latencyOf(histogram),
    p95: round(histogram.getValueAtPercentile(95) / 1000),
    requests,
    serverCpuUsPerRequest: each(cpuUs, requests),
    bytesPerRequest: Math.round(bytes / requests),
    statementsPerRequest: each(statements, requests),
  });
  const phases = (name: "list" | "history"): Phases => {
    const first = kinds[`${name}, first`];
    return {
      cold: times(kinds[`${name}, cold`]),
      first: first.requests === 0 ? null : times(first),
      warm: times(kinds[`${name}, warm`]),
    };
  };
  return {
    ...stamp("history", options),
    scenario: "history",
    connections: 0,
    seconds: round(seconds),
    conversations: options.conversations,
    messages: options.messages,
    requestsAtOnce: options.atOnce,
    listSize,
    listPages: listSize / listPageSize,
    pageRows,
    gzip: options.gzip,
    listMs: phases("list"),
    historyMs: phases("history"),
    lost: 0,
    duplicated: 0,
    reordered: 0,
    missed: 0,
    violations: [],
    clientSaturated: false,
    clientCpuShare: 0,
    unit: "requests",
    points: [],
    curves: Object.fromEntries(
      Object.entries(kinds).flatMap(([name, { histogram, requests }]) =>
        requests === 0 ? [] : [[name, curveOf(histogram)]],
      ),
    ),
  };
}

export function historyVerdict({ listMs, historyMs, requestsAtOnce }: HistoryResult): string {
  return `p95 with ${requestsAtOnce} in flight: list of conversations ${listMs.warm.p95} ms warm, history page ${historyMs.warm.p95} ms warm.`;
}

export function historyText({ listMs, historyMs, ...result }: HistoryResult): string {
  const line = (name: string, times: Times | null): string[] => {
    if (times === null) return [];
    const { p50, p95, p99, max, statementsPerRequest, serverCpuUsPerRequest } = times;
    const cost = `${serverCpuUsPerRequest ?? "unknown"} µs of CPU and ${statementsPerRequest ?? "unknown"} statements each`;
    return [`  ${name.padEnd(18)} p50 ${p50} ms   p95 ${p95} ms   p99 ${p99} ms   max ${max} ms   ${cost}`];
  };
  const lines = (name: string, { cold, first, warm }: Phases): string[] => [
    ...line(`${name}, cold`, cold),
    ...line(`${name}, first`, first),
    ...line(`${name}, warm`, warm),
  ];
  return [
    historyVerdict({ listMs, historyMs, ...result }),
    "",
    ...lines(`list of ${listSize}`, listMs),
    `                     a list of ${listSize} is ${result.listPages} requests, one after the other`,
    ...lines(`page of ${pageRows}`, historyMs),
  ].join("\n");
}
