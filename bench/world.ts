import { build, type Histogram } from "hdr-histogram-js";
import { version } from "#infra/host/run.ts";
import { createChecker, type RowRecord } from "./checker/checker.ts";
import type { WsConnection } from "./load/ws-connection.ts";
import type { WorldOptions } from "./options.ts";
import { createProgress } from "./progress.ts";
import { latencyOf, machine, round, type WorldResult } from "./result.ts";
import { embeddedTarget, type Target, upTarget } from "./target.ts";
import { benchContent, type ClientEvents, connectGuests, type Guest, signInGuests } from "./world-clients.ts";

/** Sockets that send, in turn; each is a guest of its own. */
const sendersMax = 20;
/** After the last send this long is waited for acks and deliveries that are still on their way. */
const settleMs = 10_000;
const tickMs = 1;
const pageRows = 100;

interface Run {
  /** Of this run; part of its client_msg_ids. */
  readonly id: string;
  readonly acks: Histogram;
  readonly latency: Histogram;
  readonly due: Map<string, { dueMs: number; senderId: string }>;
  sent: number;
  acked: number;
  deliveries: number;
  refused: number;
  closed: number;
  /** While it is true deliveries and closes count: sign-in, opening and closing are no part of the figures. */
  started: boolean;
}

/** Starts a server process, signs guests in, opens their sockets, sends at a fixed rate, checks and measures. */
export async function runWorld(options: WorldOptions): Promise<WorldResult> {
  const progress = createProgress();
  progress.say(options.target === "up" ? "finding the processes of gochat up" : "starting a server");
  await using server = await open(options);
  progress.say(`signing ${options.conns} guests in`);
  const guests = await signInGuests(firstOf(server), options.conns);
  const run = newRun();
  const checker = createChecker();
  const devices = guests.map((_, index) => checker.device(`socket ${index}`, "world"));
  const events: ClientEvents = {
    rows(client, rows) {
      const now = performance.now();
      for (const row of rows) {
        devices[client]?.shown(row.seqId, row.id);
        if (!run.started || row.dueMs === 0) continue;
        run.deliveries += 1;
        run.latency.recordValue(Math.max(1, Math.round((now - row.dueMs) * 1000)));
      }
    },
    missed: (client, fromSeq, toSeq) => devices[client]?.missed(fromSeq, toSeq),
    ack(_, ack) {
      const send = run.due.get(ack.clientMsgId);
      if (send === undefined || ack.status !== "success") return;
      run.acked += 1;
      run.acks.recordValue(Math.max(1, Math.round((performance.now() - send.dueMs) * 1000)));
      checker.acked({ conversationId: "world", senderId: send.senderId, ...ack });
    },
    refused: () => {
      run.refused += 1;
    },
    closed: () => {
      if (run.started) run.closed += 1;
    },
  };
  progress.say(`opening ${options.conns} sockets`);
  const connections = await connectGuests(server.urls, guests, events);
  const rssBytes = await server.rssBytes();
  const base = await latestSeq(firstOf(server), guests[0]?.token ?? "");
  const figures = await drive(options, { server, guests, connections, run, progress, checker });
  run.started = false;
  for (const connection of connections) connection.close();

  const rows = await readHistory(firstOf(server), guests[0]?.token ?? "");
  checker.history("world", rows);
  for (const device of devices) device.expect(base + 1, rows.at(-1)?.seqId ?? 0);
  const verdict = checker.verdict();
  progress.end();
  return {
    scenario: "world",
    target: options.target,
    connections: options.conns,
    sentPerSecond: round(run.sent / figures.seconds),
    seconds: round(figures.seconds),
    contentBytes: options.size,
    deliveries: run.deliveries,
    deliveriesPerSecond: round(run.deliveries / figures.seconds),
    serverCpuUsPerDelivery: round(figures.cpuUs / Math.max(1, run.deliveries), 3),
    rpcsPerMessage: options.target === "embedded" ? null : round(figures.rpcCalls / Math.max(1, run.sent), 4),
    latencyMs: latencyOf(run.latency),
    ackMs: latencyOf(run.acks),
    lost: verdict.lost + Math.max(0, run.sent - run.refused - run.acked),
    duplicated: verdict.duplicated,
    reordered: verdict.reordered,
    missed: verdict.missed,
    refused: run.refused,
    closed: run.closed,
    rssBytes,
    violations: verdict.violations.map(({ rule, detail }) => `${rule}: ${detail}`),
    versions: { gochat: version, bun: Bun.version },
    machine: machine(),
  };
}

function open({ target, conns }: WorldOptions): Promise<Target> {
  if (target === "embedded") return embeddedTarget({ "ws.max_connections": String(conns + 100) });
  return upTarget(
    process.env.INFRA_DIR === undefined ? ".run/up/cluster.json" : `${process.env.INFRA_DIR}/up/cluster.json`,
  );
}

const firstOf = ({ urls }: Target): string => urls[0] ?? "";

function newRun(): Run {
  const histogram = (): Histogram => build({ lowestDiscernibleValue: 1, highestTrackableValue: 600_000_000 });
  return {
    id: crypto.randomUUID().slice(0, 8),
    acks: histogram(),
    latency: histogram(),
    due: new Map(),
    sent: 0,
    acked: 0,
    deliveries: 0,
    refused: 0,
    closed: 0,
    started: false,
  };
}

interface Stage {
  server: Target;
  guests: readonly Guest[];
  connections: readonly WsConnection[];
  run: Run;
  progress: ReturnType<typeof createProgress>;
  checker: ReturnType<typeof createChecker>;
}

/** Sends on schedule, whatever the answers do; then waits for what is on its way. */
async function drive(
  options: WorldOptions,
  stage: Stage,
): Promise<{ seconds: number; cpuUs: number; rpcCalls: number }> {
  const { server, guests, connections, run, progress, checker } = stage;
  const total = options.rate * options.seconds;
  const senders = Math.min(sendersMax, connections.length);
  run.started = true;
  const cpuBefore = await server.cpuUs();
  const callsBefore = await server.rpcCalls();
  const startMs = performance.now();
  let shownAtMs = startMs;
  while (run.sent < total) {
    const now = performance.now();
    for (;;) {
      const dueMs = startMs + (run.sent * 1000) / options.rate;
      if (run.sent >= total || dueMs > now) break;
      const index = run.sent % senders;
      const clientMsgId = `bench-${run.id}-${run.sent}`;
      const senderId = guests[index]?.userId ?? "";
      run.due.set(clientMsgId, { dueMs, senderId });
      checker.sent({ conversationId: "world", senderId, clientMsgId });
      const content = benchContent(dueMs, options.size);
      const data = { conversationId: "world", content, messageType: 1, client_msg_id: clientMsgId };
      connections[index]?.send(JSON.stringify({ type: "send-message", data }));
      run.sent += 1;
    }
    if (now - shownAtMs > 500) {
      shownAtMs = now;
      const rate = Math.round((run.deliveries / (now - startMs)) * 1000).toLocaleString("en");
      const left = Math.max(0, options.seconds - (now - startMs) / 1000).toFixed(0);
      const p99 = run.latency.getValueAtPercentile(99) / 1000;
      progress.show(`${run.sent} sent, ${rate} deliveries/s, p99 ${p99.toFixed(1)} ms, ${left} s left`);
    }
    await Bun.sleep(tickMs);
  }
  const whole = (): boolean =>
    run.acked + run.refused >= run.sent && run.deliveries >= run.acked * (connections.length - run.closed);
  const deadline = performance.now() + settleMs;
  while (!whole() && performance.now() < deadline) await Bun.sleep(10);
  const seconds = (performance.now() - startMs) / 1000;
  const cpuUs = (await server.cpuUs()) - cpuBefore;
  return { seconds, cpuUs, rpcCalls: (await server.rpcCalls()) - callsBefore };
}

/** The newest seq of the world room: a server that was there before has a history of its own. */
async function latestSeq(url: string, token: string): Promise<number> {
  const answer = await fetch(`${url}/api/conversations/world/messages?limit=1`, {
    headers: { Authorization: `Bearer ${token}` },
  });
  const { data } = (await answer.json()) as { data: { latestSeqId: number } };
  return data.latestSeqId;
}

/** The whole history of the world room, ascending, as any member reads it. */
async function readHistory(url: string, token: string): Promise<RowRecord[]> {
  const rows: RowRecord[] = [];
  for (;;) {
    const after = rows.at(-1)?.seqId ?? 0;
    const answer = await fetch(`${url}/api/conversations/world/messages?after_seq=${after}&limit=${pageRows}`, {
      headers: { Authorization: `Bearer ${token}` },
    });
    if (!answer.ok) throw new Error(`the history answered ${answer.status}: ${await answer.text()}`);
    const { data } = (await answer.json()) as {
      data: { messages: { id: string; seqId: number; senderId: string; clientMsgId?: string }[]; hasMore: boolean };
    };
    for (const { id, seqId, senderId, clientMsgId } of data.messages)
      rows.push({ id, seqId, senderId, clientMsgId: clientMsgId ?? "" });
    if (!data.hasMore || data.messages.length === 0) return rows;
  }
}
