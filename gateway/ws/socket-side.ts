import type { WebSocketHandler } from "bun";
import type { Logger } from "#infra/clog/clog.ts";
import type { Mq } from "#infra/mq/mq.ts";
import type { RateLimit } from "#infra/ratelimit/ratelimit.ts";
import type { Tracer } from "#infra/trace/trace.ts";
import { AppError } from "#proto/errors.ts";
import { ROOM_USERS_MAX } from "#proto/limits.ts";
import type { TokenVerifier } from "../auth/token-verifier.ts";
import { type Broadcast, createBroadcast } from "../broadcast.ts";
import type { LogicClients, RepoClients } from "../clients.ts";
import type { GatewayConfig } from "../config.ts";
import { createControls } from "../control.ts";
import { createDownstream, type Downstream } from "../downstream.ts";
import { createEvictions } from "../evictions.ts";
import type { GatewayMetrics } from "../metrics.ts";
import { createPresence } from "../presence.ts";
import type { Prober } from "../probe.ts";
import { createUserEvents } from "../user-events.ts";
import { createAnswers } from "./answers.ts";
import { createFrameHandlers } from "./frame-handlers.ts";
import { createFrameLimits } from "./frame-limits.ts";
import { createHandshake, type Handshake, type Room } from "./handshake.ts";
import type { Hub } from "./hub.ts";
import { createInbound } from "./inbound.ts";
import { createMembership } from "./membership.ts";
import { watchLoopLag } from "./pace.ts";
import { createResyncSender } from "./resync.ts";
import { createRoomFlow } from "./room-flow.ts";
import { createRooms, type NativeChannels } from "./rooms.ts";
import type { Session } from "./session.ts";
import { createSockets } from "./sockets.ts";
import { createUpstream } from "./upstream.ts";

/** Everything between the sockets and the log, wired. */
export interface SocketSide {
  readonly handler: WebSocketHandler<Session>;
  readonly downstream: Downstream;
  readonly broadcast: Broadcast;
  readonly prober: Prober;
  /** Reads all sessions' rooms again and tells them to sync: pushes may have been missed. */
  missed(): Promise<void>;
  /** The gateway was unknown to others for a while: reports every session to presence, and tells all to sync. */
  regained(): void;
  connecting(): number;
  /** Rooms with a listener here. */
  rooms(): number;
  /** Sends that wait for the log. */
  waiting(): number;
  tick(nowMs: number): void;
  /** Ends what is spread over time. */
  stop(): void;
  /** Resolves when sends are in the log, ends are told and events produced. */
  idle(): Promise<void>;
}

export interface SocketSideDeps {
  readonly mq: Mq;
  readonly logic: LogicClients;
  readonly repo: RepoClients;
  readonly ratelimit: RateLimit;
  readonly clog: Logger;
  readonly clock: () => number;
  readonly hub: Hub;
  readonly verifier: TokenVerifier;
  readonly metrics: GatewayMetrics;
  readonly tracer: Tracer;
  readonly channels: NativeChannels;
  readonly prober: Prober;
  readonly replaced: () => void;
  readonly drain: () => void;
}

const roomsMs = 5000;
const checkMembersMs = 1000;

export function createSocketSide(
  { config, incarnation }: { readonly config: GatewayConfig; readonly incarnation: string },
  deps: SocketSideDeps,
): SocketSide {
  const { ws, gatewayId, upstream: upstreamConfig } = config;
  const { mq, logic, hub, clog, clock, metrics, tracer, ratelimit, verifier, prober } = deps;
  const hot = hotOptions(config, incarnation);
  const answers = createAnswers(metrics, clock);
  const rooms = createRooms(deps.channels, metrics);
  const lag = watchLoopLag();
  const flow = createRoomFlow(config.world, {
    rooms,
    metrics,
    clock,
    lagMs: () => lag.ms,
    frameOutMax: ws.frameOutMax,
  });
  const resync = createResyncSender(hot.resync, { clog, metrics, clock });
  const membership = createMembership({
    hub,
    rooms,
    flow,
    resync,
    metrics,
    clog,
    checkMembers: (conversationId, userIds) =>
      deps.repo.conversation.checkMembers({ conversationId, userIds: [...userIds] }, { timeoutMs: checkMembersMs }),
  });
  const events = createUserEvents(gatewayId, { mq, clog, clock });
  const evictions = createEvictions({ mq, clog, clock });
  const presence = createPresence(hot.presence, {
    onlineStatus: deps.repo.onlineStatus,
    hub,
    events,
    clog,
    resync: (session) => resync.now(session, "presence"),
    kick: evictions.push,
    replaced: deps.replaced,
  });
  const upstream = createUpstream(
    {
      gatewayId,
      incarnation,
      waitingMax: upstreamConfig.waitingMax,
      waitingBytesMax: upstreamConfig.waitingBytesMax,
    },
    {
      mq,
      clog,
      clock,
      metrics,
      refused: (session, clientMsgId) =>
        answers.error(
          session,
          new AppError("SERVICE_UNAVAILABLE", { details: { client_msg_id: clientMsgId } }),
          session.takeAckId(clientMsgId),
        ),
    },
  );
  const handlers = createFrameHandlers(hot.frames, {
    logic,
    upstream,
    flow,
    verifier,
    ratelimit,
    answers,
    metrics,
    tracer,
    clock,
  });
  const limits = createFrameLimits(ratelimit, hot.abuse, metrics);
  const inbound = createInbound(ws, { limits, handlers, answers, metrics, clog, clock });
  const sockets = createSockets(
    {
      gatewayId,
      // Hot, as in hotOptions.
      get pingAfterMs() {
        return ws.pingAfter;
      },
      get silenceMaxMs() {
        return ws.silenceMax;
      },
      get writeTimeoutMs() {
        return ws.writeTimeout;
      },
      heartbeatMs: config.presence.heartbeat,
      maxMessageSize: ws.maxMessageSize,
      queueBytesMax: ws.queueBytesMax,
      compression: ws.compression,
      sendPerSecond: ratelimit.rule("user_send_message")?.ratePerSecond ?? 0,
      bytesPerSecond: ratelimit.rule("ws_bytes")?.ratePerSecond ?? 0,
    },
    { hub, handshake: () => handshake, inbound, presence, answers, metrics, clock },
  );
  const handshake: Handshake = createHandshake(hot.connecting, {
    presence,
    clog,
    getRooms: (userIds) => getRooms(logic, userIds),
    subscribe: membership.subscribe,
    opened: sockets.opened,
  });
  const controls = createControls({
    hub,
    verifier,
    resync,
    report: presence.alive,
    clog,
    probe,
    drain: deps.drain,
  });

  function probe(seen: Parameters<Prober["seen"]>[0]): void {
    // Somebody else probes under our id: it is the next life of this gateway.
    if (seen.gatewayId === gatewayId && seen.incarnation !== incarnation) deps.replaced();
    else prober.seen(seen);
  }

  async function missed(): Promise<void> {
    const sessions = [...hub.all()];
    for (let from = 0; from < sessions.length; from += ROOM_USERS_MAX) {
      const part = sessions.slice(from, from + ROOM_USERS_MAX);
      const found = await getRooms(logic, [...new Set(part.map((session) => session.userId))]);
      for (const session of part) {
        if (session.state === "open") membership.subscribe(session, found.get(session.userId) ?? []);
      }
    }
    resync.spread(hub.all(), [], "consumer reset");
  }

  return {
    handler: sockets.handler,
    downstream: createDownstream(hot.pushes, { hub, controls, membership, metrics, tracer, clog, clock }),
    broadcast: createBroadcast(hot.pushes, { flow, membership, controls, metrics, tracer, clock }),
    prober,
    missed,
    regained() {
      for (const session of hub.all()) presence.alive(session);
      resync.spread(hub.all(), [], "lease regained");
    },
    connecting: () => handshake.connecting,
    rooms: rooms.count,
    waiting: () => upstream.waiting,
    tick: sockets.tick,
    stop() {
      flow.stop();
      lag[Symbol.dispose]();
      resync.stop();
    },
    async idle() {
      await handshake.idle();
      await upstream.idle();
      await presence.idle();
      await evictions.idle();
      await events.idle();
    },
  };
}

async function getRooms(logic: LogicClients, userIds: readonly string[]): Promise<Map<string, readonly Room[]>> {
  const { users } = await logic.conversation.getRooms({ userIds: [...userIds] }, { timeoutMs: roomsMs });
  return new Map(users.map(({ userId, rooms }) => [userId, rooms]));
}

/** What may change while the gateway runs (spec 60 §13): read from the configuration whenever it acts. */
function hotOptions({ ws, http, gatewayId }: GatewayConfig, incarnation: string) {
  return {
    resync: {
      get spreadMs() {
        return ws.resyncSpread;
      },
    },
    presence: {
      gatewayId,
      incarnation,
      get policy() {
        return ws.multiDevice;
      },
      get sessionsPerUserMax() {
        return ws.maxSessionsPerUser;
      },
    },
    frames: {
      backendMs: http.backendTimeout,
      get syncBytesMax() {
        return ws.syncBytesMax;
      },
    },
    abuse: {
      get abuseViolations() {
        return ws.abuseViolations;
      },
      get abuseWindowMs() {
        return ws.abuseWindow;
      },
    },
    connecting: {
      get connectingMax() {
        return ws.maxConnecting;
      },
    },
    pushes: {
      gatewayId,
      incarnation,
      get frameOutMax() {
        return ws.frameOutMax;
      },
    },
  };
}
