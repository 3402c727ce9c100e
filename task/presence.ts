import { create } from "@bufbuild/protobuf";
import type { Logger } from "#infra/clog/clog.ts";
import { CoordUnavailableError, type ServiceInstance } from "#infra/coord/coord.ts";
import type { Metrics } from "#infra/metrics/metrics.ts";
import { type Mq, outRecord } from "#infra/mq/mq.ts";
import { type UserEvent, UserEventSchema } from "#proto/gen/gochat/mq/v1/user_event_pb.ts";
import type { OfflineUser } from "#proto/gen/gochat/repo/v1/online_status_service_pb.ts";
import { topics } from "#proto/topics.ts";
import type { TaskConfig } from "./config.ts";
import type { RepoClients, TaskDeps } from "./deps.ts";
import { type Rounds, startRounds } from "./rounds.ts";

export interface PresenceSweeperDeps {
  readonly repo: Pick<RepoClients, "onlineStatus">;
  readonly mq: Mq;
  readonly coord: TaskDeps["coord"];
  readonly clog: Logger;
  readonly metrics: Metrics;
  /** Unix ms. */
  readonly clock: () => number;
  readonly sleep?: TaskDeps["sleep"];
}

/** Users in one look. */
const usersMax = 1000;
const callTimeoutMs = 10_000;
/** Events that wait for the log; beyond it the oldest are dropped. */
const unsentMax = 10_000;

/** Takes the sessions of gateways that died out of presence and tells that their users went offline (spec 20 §10): what did
 *  not report for `silentFor` and belongs to no gateway of the registry, and what is older than presence's time to live. A
 *  gateway that lost its lease but still reports loses nothing. */
export function startPresenceSweeper(options: TaskConfig["presence"], deps: PresenceSweeperDeps): Rounds {
  const { repo, mq, coord, clog, metrics, clock } = deps;
  const swept = metrics.counter("gochat_presence_swept_total", "Users whose gateway died, told to be offline").with({});
  let unsent: UserEvent[] = [];

  async function tell(offline: readonly OfflineUser[]): Promise<void> {
    unsent.push(...offline.map((one) => eventOf(one, clock())));
    if (unsent.length > unsentMax) {
      clog.warn("user events were dropped", { count: unsent.length - unsentMax });
      unsent = unsent.slice(-unsentMax);
    }
    if (unsent.length === 0) return;
    await mq.send(unsent.map((event) => outRecord(topics.userEvents, String(event.userId), event)));
    unsent = [];
  }

  async function round(signal: AbortSignal): Promise<boolean> {
    const live = await liveGateways(coord);
    const request = {
      expiredBefore: BigInt(Math.floor((clock() - options.silentFor) / 1000)),
      batchSize: usersMax,
      liveGatewaysKnown: live !== undefined,
      liveGateways: live ?? [],
    };
    const { offline, lookedAt } = await repo.onlineStatus.cleanupExpiredStatus(request, {
      signal,
      timeoutMs: callTimeoutMs,
    });
    if (offline.length > 0) clog.info("users went offline with their gateway", { count: offline.length });
    swept.inc(offline.length);
    await tell(offline);
    return lookedAt >= usersMax;
  }
  const rounds = { what: "presence sweep", lock: "presence-sweeper", everyMs: () => options.sweepEvery };
  return startRounds(rounds, round, deps);
}

/** Undefined when the registry cannot be asked: then only time tells. */
async function liveGateways(coord: TaskDeps["coord"]) {
  try {
    return (await coord.discover("gateway")).map(lifeOf);
  } catch (error) {
    if (error instanceof CoordUnavailableError) return undefined;
    throw error;
  }
}

function lifeOf({ id, metadata }: ServiceInstance): { gatewayId: string; incarnation: string } {
  return { gatewayId: id, incarnation: metadata.incarnation ?? "" };
}

function eventOf({ userId, lastSeen, gatewayId }: OfflineUser, nowMs: number): UserEvent {
  return create(UserEventSchema, {
    eventId: Bun.randomUUIDv7(),
    eventType: "user.offline",
    timestampMs: BigInt(nowMs),
    userId: BigInt(userId),
    payload: { case: "offline", value: { gatewayId, lastSeen, reason: "timeout" } },
  });
}
