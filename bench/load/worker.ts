import { nowMs } from "./clock.ts";
import type { Commands, HeardFigures, OpenArgs, OpenFigures, Reply, Request } from "./commands.ts";
import type { Dialect } from "./dialect.ts";
import { centrifugoDialect } from "./dialect-centrifugo.ts";
import { jsonDialect } from "./dialect-json.ts";
import { protoDialect } from "./dialect-proto.ts";
import { referenceDialect } from "./dialect-reference.ts";
import { drive, type Sample, settleMs, tallySince } from "./drive.ts";
import { createHistogram, packed, record } from "./figures.ts";
import { createFleet, type Fleet } from "./fleet.ts";
import { converse, type Person, registerPeople, signInGuests } from "./people.ts";
import { post } from "./post.ts";
import { createTraffic, type Route, type Tally, type Traffic } from "./traffic.ts";
import { joinVerdicts, latestSeq, readHistory, type Verdict, verifyConversation, verifySockets } from "./verify.ts";

/** Sockets that write into one room, in turn. */
const sendersMax = 20;

interface Driven {
  readonly fleet: Fleet;
  readonly traffic: Traffic;
  routes: Route[];
  /** Conversation of each socket. */
  conversations: readonly string[];
  /** Conversation by id: who reads its history, and from where. */
  readers: Map<string, { token: string; afterSeq: number }>;
  /** Sockets that an acked message is shown to. */
  audience: number;
  stalled: number;
  onSynced: (socket: number) => void;
  /** Where it stood when it began to listen. */
  listened: { tally: Tally; cpu: NodeJS.CpuUsage; ms: number } | undefined;
  /** Ended by this process itself. */
  ended: number;
}

/** A load process: does what the bench asks for, until the bench is gone. */
export function createWorker(say: (sample: Sample) => void): Commands {
  const people: Person[] = [];
  const fleets = new Map<string, Driven>();
  const fleetOf = (name: string): Driven => {
    const driven = fleets.get(name);
    if (driven === undefined) throw new Error(`no fleet ${name}`);
    return driven;
  };

  function make(args: OpenArgs): Driven {
    const traffic = createTraffic(args.size);
    const tokens = args.dialect !== "text" && args.dialect !== "proto" ? [] : people.map(({ token }) => token);
    const addresses = args.urls
      .map((url) => new URL(url))
      .map(({ hostname, port }) => ({ host: hostname, port: Number(port) }));
    const options = { addresses, dialect: dialectOf(args), tokens, size: args.size, atOnce: args.atOnce };
    const synced = (socket: number): void => driven.onSynced(socket);
    const fleet = createFleet(options, { ...traffic, synced });
    const driven: Driven = {
      fleet,
      traffic,
      routes: [],
      conversations: [],
      readers: new Map(),
      audience: args.size,
      stalled: 0,
      onSynced: () => undefined,
      listened: undefined,
      ended: 0,
    };
    return driven;
  }

  async function timed(
    count: number,
    fleet: Fleet,
    run: (latency: (ms: number) => void) => Promise<void>,
  ): Promise<OpenFigures> {
    const histogram = createHistogram();
    const turnedAway = fleet.turnedAway;
    const cpu = process.cpuUsage();
    const startMs = nowMs();
    await run((ms) => record(histogram, ms));
    const seconds = (nowMs() - startMs) / 1000;
    const used = process.cpuUsage(cpu);
    return {
      opened: count,
      seconds,
      latency: packed(histogram),
      turnedAway: fleet.turnedAway - turnedAway,
      cpuShare: (used.user + used.system) / 1e6 / seconds,
    };
  }

  return {
    async people({ url, count, registered }) {
      people.push(...(registered ? await registerPeople(url, count) : await signInGuests(url, count)));
    },
    async open(args) {
      const driven = fleets.get(args.fleet) ?? make(args);
      fleets.set(args.fleet, driven);
      return timed(args.upTo, driven.fleet, (latency) => driven.fleet.open(args.upTo, (_, ms) => latency(ms)));
    },
    async converse({ fleet, url, kind, members }) {
      const driven = fleetOf(fleet);
      if (kind === "world") await inTheWorld(driven, url, people);
      else await inConversations(driven, url ?? "", people, kind, members);
    },
    drive: ({ fleet, plan }) => {
      const driven = fleetOf(fleet);
      return drive({ ...plan, audience: driven.audience }, driven, say);
    },
    listen({ fleet }) {
      const driven = fleetOf(fleet);
      driven.traffic.restart();
      driven.listened = { tally: { ...driven.traffic.tally }, cpu: process.cpuUsage(), ms: nowMs() };
      return Promise.resolve();
    },
    heard: ({ fleet, rows }) => heard(fleetOf(fleet), rows),
    closed: ({ fleet }) => {
      const { traffic, ended } = fleetOf(fleet);
      return Promise.resolve(traffic.tally.closed - ended);
    },
    verify: ({ fleet, url, lastSeq }) => verify(fleetOf(fleet), url, lastSeq),
    stall({ fleet, count, fillBytes }) {
      const driven = fleetOf(fleet);
      driven.stalled = count;
      for (let index = driven.fleet.size - count; index < driven.fleet.size; index += 1)
        driven.fleet.socket(index)?.stall();
      driven.audience = driven.fleet.size - count;
      driven.traffic.watch((socket) => driven.conversations[socket] ?? "world", driven.audience);
      return fill(driven, fillBytes);
    },
    unstall: ({ fleet }) => unstall(fleetOf(fleet)),
    post: ({ fleet, url, count }) => post(fleetOf(fleet).traffic, url, people, count),
    lose: ({ fleet }) => lose(fleetOf(fleet)),
    wave: ({ fleet }) => {
      const driven = fleetOf(fleet);
      return timed(driven.fleet.size, driven.fleet, (latency) => wave(driven, latency));
    },
    async close({ fleet }) {
      const driven = fleets.get(fleet);
      fleets.delete(fleet);
      for (let index = 0; index < (driven?.fleet.size ?? 0); index += 1) driven?.fleet.socket(index)?.terminate();
      await Bun.sleep(0);
    },
  };
}

function dialectOf({ dialect, joined, peer }: OpenArgs): Dialect {
  switch (dialect) {
    case "text":
      return jsonDialect;
    case "proto":
      return protoDialect;
    case "reference":
      return referenceDialect("text", joined);
    case "reference-proto":
      return referenceDialect("proto", joined);
    case "centrifugo":
      if (peer === undefined) throw new Error("nobody said where Centrifugo is");
      return centrifugoDialect(peer);
  }
}

async function inTheWorld(driven: Driven, url: string | undefined, people: readonly Person[]): Promise<void> {
  const { fleet, traffic } = driven;
  const token = people[0]?.token ?? "";
  const afterSeq = url === undefined ? 0 : await latestSeq(url, token, "world");
  driven.routes = Array.from({ length: Math.min(sendersMax, fleet.size - driven.stalled) }, (_, socket) => ({
    socket,
    conversationId: "world",
  }));
  driven.readers.set("world", { token, afterSeq });
  driven.audience = fleet.size - driven.stalled;
  for (let socket = 0; socket < fleet.size; socket += 1) traffic.positions.start(socket, afterSeq);
  traffic.watch(() => "world", driven.audience);
}

async function inConversations(
  driven: Driven,
  url: string,
  people: readonly Person[],
  kind: "single" | "group",
  members: number,
): Promise<void> {
  const { fleet, traffic } = driven;
  const size = kind === "single" ? 2 : members;
  const conversations: string[] = new Array(fleet.size);
  for (let from = 0; from + size <= fleet.size; from += size) {
    const some = people.slice(from, from + size);
    const id = await converse(url, some, kind === "group");
    conversations.fill(id, from, from + size);
    const token = some[0]?.token ?? "";
    const afterSeq = await latestSeq(url, token, id);
    driven.readers.set(id, { token, afterSeq });
    for (let socket = from; socket < from + size; socket += 1) traffic.positions.start(socket, afterSeq);
  }
  driven.conversations = conversations;
  // Neighbours are of one conversation, so that the turns go over all of them first.
  driven.routes = [];
  for (let member = 0; member < size; member += 1)
    for (let socket = member; socket < fleet.size; socket += size) {
      const conversationId = conversations[socket];
      if (conversationId !== undefined) driven.routes.push({ socket, conversationId });
    }
  driven.audience = size - 1;
  traffic.watch((socket) => conversations[socket] ?? "", size - 1);
}

/** The part of a listener: what its sockets were shown since `listen`. */
async function heard({ traffic, listened, audience }: Driven, rows: number): Promise<HeardFigures> {
  if (listened === undefined) throw new Error("it was not told to listen");
  const { tally, cpu, ms } = listened;
  const deadline = nowMs() + settleMs;
  while (traffic.tally.deliveries - tally.deliveries < rows * audience && nowMs() < deadline) await Bun.sleep(2);
  traffic.cut();
  const { deliveries, closed } = tallySince(traffic.tally, tally);
  const used = process.cpuUsage(cpu);
  const cpuShare = (used.user + used.system) / 1000 / (nowMs() - ms);
  return { deliveries, closed, shown: packed(traffic.total.shown), cpuShare };
}

/** Bytes and rows of one answer to `sync`, at most; and ms between two of them, so that the server is not stopped by it. */
const syncBytes = 250 * 1024;
const syncRows = 100;
const syncEveryMs = 10;

async function fill({ fleet, stalled, traffic, conversations }: Driven, bytes: number): Promise<void> {
  for (let asked = 0; asked < bytes; asked += syncBytes)
    for (let index = fleet.size - stalled; index < fleet.size; index += 1) {
      const afterSeq = Math.max(0, traffic.positions.position(0) - syncRows);
      fleet.send(index, [fleet.dialect.sync([{ id: conversations[index] ?? "world", afterSeq }])]);
      await Bun.sleep(syncEveryMs);
    }
}

/** How long sockets that read again may take to get to the end of what waited for them, ms. */
const drainMs = 10_000;

async function unstall(driven: Driven): Promise<number> {
  const { fleet, stalled } = driven;
  const indexes = Array.from({ length: stalled }, (_, index) => fleet.size - 1 - index);
  for (const index of indexes) fleet.socket(index)?.goOn();
  const closedNow = (): number => indexes.filter((index) => fleet.socket(index)?.state === "closed").length;
  const deadline = nowMs() + drainMs;
  while (closedNow() < stalled && nowMs() < deadline) await Bun.sleep(50);
  const closed = closedNow();
  driven.ended += stalled - closed;
  for (const index of indexes) fleet.socket(index)?.terminate();
  return closed;
}

function openOf(fleet: Fleet): number {
  let open = 0;
  for (let index = 0; index < fleet.size; index += 1) if (fleet.socket(index)?.state === "open") open += 1;
  return open;
}

/** As a lost network would. */
async function lose(driven: Driven): Promise<void> {
  const { fleet } = driven;
  driven.ended += openOf(fleet);
  for (let index = 0; index < fleet.size; index += 1) fleet.socket(index)?.terminate();
  const deadline = nowMs() + drainMs;
  while (openOf(fleet) > 0 && nowMs() < deadline) await Bun.sleep(2);
}

/** Opens the sockets again, and syncs from where each stood. */
async function wave(driven: Driven, latency: (ms: number) => void): Promise<void> {
  const { fleet, traffic } = driven;
  // A row that is pushed before the answer to `sync` moves the position over the hole that the answer fills.
  const marks = Array.from({ length: fleet.size }, (_, socket) => traffic.positions.position(socket));
  const startMs = nowMs();
  let waiting = fleet.size;
  const { promise, resolve } = Promise.withResolvers<void>();
  driven.onSynced = () => {
    latency(nowMs() - startMs);
    waiting -= 1;
    if (waiting === 0) resolve();
  };
  await fleet.open(fleet.size, (socket) => {
    const id = driven.conversations[socket] ?? "world";
    fleet.send(socket, [fleet.dialect.sync([{ id, afterSeq: marks[socket] ?? 0 }])]);
  });
  await promise;
}

async function verify(driven: Driven, url: string | undefined, lastSeq: number): Promise<Verdict> {
  const { fleet, traffic } = driven;
  const watching = Array.from({ length: fleet.size - driven.stalled }, (_, socket) => socket);
  if (url === undefined) return verifySockets(traffic, watching, () => lastSeq);
  const last = new Map<string, number>();
  const verdicts = [];
  for (const [id, reader] of driven.readers) {
    const rows = await readHistory(url, reader.token, id, reader.afterSeq);
    verdicts.push(verifyConversation(id, rows, traffic.sends, traffic));
    reader.afterSeq = rows.at(-1)?.seqId ?? reader.afterSeq;
    last.set(id, reader.afterSeq);
  }
  const lastOf = (socket: number): number => last.get(driven.conversations[socket] ?? "world") ?? 0;
  const deadline = nowMs() + settleMs;
  const { positions } = traffic;
  // What is stored may be on its way still.
  while (watching.some((socket) => positions.lost(socket, lastOf(socket)) > 0) && nowMs() < deadline)
    await Bun.sleep(20);
  verdicts.push(verifySockets(traffic, watching, lastOf));
  traffic.clear();
  return joinVerdicts(verdicts);
}

/** The process behind `gochat bench load`: commands come by its channel to the bench, and it ends with it. */
export function serveLoad(): Promise<number> {
  const send = (reply: Reply): void => void process.send?.(reply);
  const commands = createWorker((sample) => send({ sample }));
  const { promise, resolve } = Promise.withResolvers<number>();
  process.on("disconnect", () => resolve(0));
  process.on("message", ({ id, name, args }: Request) => {
    const run = commands[name] as (args: unknown) => Promise<unknown>;
    Promise.resolve()
      .then(() => run(args))
      .then(
        (value) => send({ id, value }),
        (error: unknown) => send({ id, error: error instanceof Error ? error.message : String(error) }),
      );
  });
  return promise;
}
