import type { Logger } from "#infra/clog/clog.ts";
import type { Metrics } from "#infra/metrics/metrics.ts";
import type { Batch, DeadRecord, Handler, HeldRecord, InRecord, Mq, MqClock, Outcome } from "#infra/mq/mq.ts";
import { isAppError } from "#proto/errors.ts";
import type { UserEvent } from "#proto/gen/gochat/mq/v1/user_event_pb.ts";
import { groups, topics } from "#proto/topics.ts";
import type { TaskConfig } from "./config.ts";
import type { RepoClients } from "./deps.ts";
import { createTellFriends, type Notice, noticesMax } from "./friend-notices.ts";
import { createOfflineDelays, type Due, type OfflineDelays } from "./offline-delays.ts";

export interface UserEventsDeps {
  readonly mq: Mq;
  readonly repo: Pick<RepoClients, "friendship" | "onlineStatus">;
  readonly clog: Logger;
  readonly metrics: Metrics;
  readonly clock: MqClock;
  readonly random: () => number;
}

export interface UserEventsConsumer extends AsyncDisposable {
  /** `degraded` while offline notices wait for a dependency. */
  state(): "ok" | "degraded";
}

const bytesMax = 256 * 1024;

/** Tells friends who came online, and `presence.offlineDelay` after the event who went offline (spec 50 §4). A user who is
 *  back by then is not told of at all. Presence is read before anybody is told, so an event that comes a second time
 *  (after a crash: what is behind the oldest departure that waits) only repeats what is true. */
export async function subscribeUserEvents(
  options: TaskConfig["presence"],
  deps: UserEventsDeps,
): Promise<UserEventsConsumer> {
  const news = createNews(deps);
  await using stack = new AsyncDisposableStack();
  const delays = stack.use(createOfflineDelays({ ...deps, batchMax: noticesMax, handle: news.tellOffline }));
  const handle = createUserEventHandler(options.offlineDelay, { ...deps, delays, tellOnline: news.tellOnline });
  const reading = { group: groups.events, from: "earliest", commits: true, recordsMax: noticesMax, bytesMax } as const;
  stack.use(await deps.mq.subscribe(topics.userEvents, { ...reading, heldMax: options.offlineWaitingMax }, handle));
  const opened = stack.move();
  return { state: () => delays.state(), [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

/** What the two kinds of news are told with; counts what became of them. */
function createNews({ repo, mq, metrics, clock, clog }: UserEventsDeps) {
  const tell = createTellFriends({ repo, mq, clock: () => clock.now() });
  const counted = metrics.counter(
    "gochat_online_notices_total",
    "Users with friends who came or went: told of, or dropped because presence said otherwise",
    ["status", "outcome"],
  );

  async function tellAll(status: "online" | "offline", notices: readonly Notice[], signal: AbortSignal): Promise<void> {
    const { told, dropped } = await tell(notices, signal);
    if (told > 0) counted.inc({ status, outcome: "told" }, told);
    if (dropped > 0) counted.inc({ status, outcome: "dropped" }, dropped);
  }

  return {
    async tellOnline(userIds: readonly bigint[], signal: AbortSignal): Promise<void> {
      const notices = userIds.map((userId): Notice => {
        return { userId, data: { userId: userId.toString(), status: "online" } };
      });
      await tellAll("online", notices, signal);
    },

    async tellOffline(due: readonly Due[], signal: AbortSignal): Promise<void> {
      const notices = due.map((one): Notice => {
        const data = { userId: one.userId.toString(), status: "offline", lastSeen: one.lastSeen } as const;
        return { userId: one.userId, data, isOver: () => one.isBack() };
      });
      try {
        await tellAll("offline", notices, signal);
      } catch (error) {
        // Asking again would not help, and would hold the offsets for ever.
        if (!isRefused(error)) throw error;
        clog.error("offline notices were refused and are dropped", { count: due.length, err: error });
      }
    },
  };
}

/** A decision of the other side, which it would make again. */
function isRefused(error: unknown): boolean {
  return isAppError(error, "INVALID_PARAMETER");
}

export interface UserEventHandlerDeps {
  readonly delays: Pick<OfflineDelays, "add" | "waits" | "cancel">;
  readonly clock: MqClock;
  tellOnline(userIds: readonly bigint[], signal: AbortSignal): Promise<void>;
}

/** One batch of one partition. Nothing is changed before those who came online are told of: when that fails, the batch
 *  comes again and finds what waits as it was. Exported for its test. */
export function createUserEventHandler(
  offlineDelayMs: number,
  { delays, clock, tellOnline }: UserEventHandlerDeps,
): Handler<UserEvent> {
  async function handle({ records }: Batch<UserEvent>, signal: AbortSignal): Promise<Outcome> {
    const arrived = arrivalsOf(records);
    if (arrived.length > 0) {
      try {
        await tellOnline(arrived, signal);
      } catch (error) {
        if (isAppError(error) && !isRefused(error)) return { done: 0, pause: `user events: ${error.code}` };
        throw error;
      }
    }
    const held: HeldRecord[] = [];
    const dead: DeadRecord[] = [];
    for (const [index, { value }] of records.entries()) {
      const { userId, payload } = value;
      if (userId <= 0n) dead.push({ index, code: "INVALID_PARAMETER", message: "an event without its user" });
      else if (payload.case === "online") delays.cancel(userId);
      else if (payload.case === "offline") {
        const dueMs = Math.min(Number(value.timestampMs), clock.now()) + offlineDelayMs;
        const until = delays.add({ userId, lastSeen: lastSeenOf(value, payload.value.lastSeen), dueMs });
        held.push({ index, until });
      }
    }
    return { done: records.length, dead, held };
  }

  /** Who came online and was not away for a moment only. */
  function arrivalsOf(records: readonly InRecord<UserEvent>[]): bigint[] {
    const arrived = new Set<bigint>();
    const left = new Set<bigint>();
    for (const { value } of records) {
      const { userId, payload } = value;
      if (userId <= 0n) continue;
      if (payload.case === "offline") left.add(userId);
      if (payload.case !== "online" || left.has(userId) || delays.waits(userId)) continue;
      // What is being told of an earlier departure ends here, before the news that outdates it.
      delays.cancel(userId);
      arrived.add(userId);
    }
    return [...arrived];
  }
  return handle;
}

/** Unix s. */
function lastSeenOf({ timestampMs }: UserEvent, lastSeen: bigint): number {
  return lastSeen > 0n ? Number(lastSeen) : Math.floor(Number(timestampMs) / 1000);
}
