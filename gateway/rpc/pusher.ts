import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import type { Logger } from "#infra/clog/clog.ts";
import { TRACE_HEADER } from "#infra/rpc/rpc.ts";
import type { PusherService, PushSignal, PushToUsersRequest } from "#proto/gen/gochat/gateway/v1/pusher_service_pb.ts";
import { routesOf } from "#proto/signal-records.ts";
import type { RepoClients } from "../clients.ts";
import type { GatewayMetrics } from "../metrics.ts";
import type { Hub } from "../ws/hub.ts";
import type { OtherGateways } from "./other-gateways.ts";
import { checkKick, requireSignal, requireUsers, type SignalFrames } from "./pusher-arguments.ts";

/** Deadlines of the calls behind one push, ms; what the caller gave is shared below. */
const presenceMs = 2000;
const forwardMs = 2000;
/** Of the time that a call has left, so that a gateway that hangs does not take that of the answer. */
const share = 0.75;

export interface PusherOptions {
  readonly gatewayId: string;
  /** Hot. */
  readonly frameOutMax: number;
}

export interface PusherDeps {
  readonly hub: Hub;
  readonly onlineStatus: Pick<RepoClients["onlineStatus"], "getUsersOnlineStatus">;
  /** Undefined where no other gateway is called. */
  readonly others: Pick<OtherGateways, "find"> | undefined;
  readonly metrics: Pick<GatewayMetrics, "framesOut" | "pushDropped" | "pushForwards">;
  readonly clog: Logger;
  readonly clock: () => number;
  /** Sends that wait for the log. */
  readonly waiting: () => number;
  readonly rooms: () => number;
}

/** What was reached by a push. */
interface Reached {
  sessions: number;
  readonly users: Set<bigint>;
}

/** `gochat.gateway.v1.PusherService`, for services only. Errors: INVALID_PARAMETER; SERVICE_UNAVAILABLE or TIMEOUT where
 *  presence cannot be asked: nothing was pushed then. */
export function pusherService(options: PusherOptions, deps: PusherDeps): ServiceImpl<typeof PusherService> {
  const { hub, others, metrics, clock } = deps;
  const clog = deps.clog.namespace("pusher");

  function deliver(users: Iterable<bigint>, frames: SignalFrames, reached: Reached): void {
    for (const user of users) {
      for (const session of hub.ofUser(user)) {
        if (session.state !== "open") continue;
        if (!session.send(session.carrier === "binary" ? frames.bytes : frames.text)) {
          metrics.pushDropped.inc({ reason: "socket" });
          continue;
        }
        metrics.framesOut.inc();
        reached.sessions += 1;
        reached.users.add(user);
      }
    }
  }

  /** One call; never rejects. */
  async function forward(
    { gatewayId, incarnation, userIds }: ReturnType<typeof routesOf>[number],
    signal: PushSignal,
    context: HandlerContext,
    reached: Reached,
  ): Promise<void> {
    const gateway = others?.find(gatewayId, incarnation);
    const about = { gateway_id: gatewayId, users: userIds.length, trace_id: signal.traceId };
    if (gateway === undefined) {
      metrics.pushForwards.inc({ outcome: "unknown" });
      clog.warn("a gateway that presence names is not registered: its users were not reached", about);
      return;
    }
    const texts = userIds.map(String);
    try {
      const answer = await gateway.pushToUsers(
        { userIds: texts, signal, forwarded: true },
        {
          timeoutMs: within(forwardMs, context),
          signal: context.signal,
          headers: signal.traceId === "" ? {} : { [TRACE_HEADER]: signal.traceId },
        },
      );
      metrics.pushForwards.inc({ outcome: "answered" });
      reached.sessions += answer.delivered;
      const missed = new Set(answer.offlineUserIds);
      for (const userId of userIds) if (!missed.has(String(userId))) reached.users.add(userId);
    } catch (error) {
      metrics.pushForwards.inc({ outcome: "failed" });
      clog.warn("a gateway did not take a push: its users were not reached", { ...about, err: error });
    }
  }

  async function push({ userIds, signal, forwarded }: PushToUsersRequest, context: HandlerContext) {
    const sinceMs = clock();
    const users = requireUsers(userIds);
    const frames = requireSignal(signal, options.frameOutMax, Math.floor(sinceMs / 1000));
    const reached: Reached = { sessions: 0, users: new Set() };
    const routes =
      forwarded || users.size === 0
        ? []
        : routesOf(
            (
              await deps.onlineStatus.getUsersOnlineStatus(
                { userIds: [...users.values()] },
                { timeoutMs: within(presenceMs, context) },
              )
            ).statuses,
          );
    const leftMs = frames.ttlMs - (clock() - sinceMs);
    if (signal !== undefined && (frames.ttlMs === 0 || leftMs > 0)) {
      deliver(users.keys(), frames, reached);
      const passedOn = { ...signal, ttlMs: frames.ttlMs === 0 ? 0n : BigInt(leftMs) };
      await Promise.all(
        routes
          .filter(({ gatewayId }) => gatewayId !== options.gatewayId)
          .map((route) => forward(route, passedOn, context, reached)),
      );
    }
    const offlineUserIds = [...users].flatMap(([key, userId]) => (reached.users.has(key) ? [] : [userId]));
    return { delivered: reached.sessions, offlineUserIds };
  }

  return {
    pushToUsers: push,
    kickSessions({ sessionIds, code, reason }) {
      checkKick(sessionIds, code, reason);
      let kicked = 0;
      for (const sessionId of sessionIds) {
        const session = hub.find(sessionId);
        if (session === undefined || session.state === "closed" || session.closeCode !== 0) continue;
        session.close(code, reason);
        kicked += 1;
      }
      return { kicked };
    },
    getStats: () => ({ sessions: hub.size, users: hub.users, rooms: deps.rooms(), queueDepth: deps.waiting() }),
  };
}

/** At most `mostMs`, and less where the call's own deadline is near. */
function within(mostMs: number, context: HandlerContext): number {
  const leftMs = context.timeoutMs();
  return leftMs === undefined ? mostMs : Math.max(1, Math.min(mostMs, leftMs * share));
}
