import type { Logger } from "#infra/clog/clog.ts";
import type { Metrics } from "#infra/metrics/metrics.ts";
import type { Batch, DeadRecord, Handler, HeldRecord, InRecord, Mq, MqClock, Outcome } from "#infra/mq/mq.ts";
import { isAppError } from "#proto/errors.ts";
import type { UserEvent } from "#proto/gen/gochat/mq/v1/user_event_pb.ts";
import { groups, topics } from "#proto/topics.ts";
import type { TaskConfig } from "./config.ts";
import type { RepoClients } from "./deps.ts";
import { createTellFriends, type Notice } from "./friend-notices.ts";
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

const recordsMax = 100;
const bytesMax = 256 * 1024;
const callTimeoutMs = 5000;

/** Tells friends who came online, and `presence.offlineDelay` after the event who went offline (spec 50 §4). A user who is
 *  back by then is not told of at all. Presence is read again before anybody is told, so an event that comes a second time
 *  (after a crash: what is behind the oldest departure that waits) only repeats what is true. */
export async function subscribeUserEvents(
  options: TaskConfig["presence"],
  deps: UserEventsDeps,
): Promise<UserEventsConsumer> {
  const friends = createFriendsWatch(deps);
  await using stack = new AsyncDisposableStack();
  const delays = stack.use(createOfflineDelays({ ...deps, handle: friends.tellOffline }));
  const handle = createUserEventHandler(options.offlineDelay, { ...deps, delays, tellOnline: friends.tellOnline });
  const reading = { group: groups.events, from: "earliest", commits: true, recordsMax, bytesMax } as const;
  stack.use(await deps.mq.subscribe(topics.userEvents, { ...reading, heldMax: options.offlineWaitingMax }, handle));
  const opened = stack.move();
  return { state: () => delays.state(), [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

/** Asks presence first: only who is online, or is not, is told of. */
function createFriendsWatch({ repo, mq, metrics, clock, clog }: UserEventsDeps) {
  const tell = createTellFriends({ repo, mq, clock: () => clock.now() });
  const told = metrics.counter("gochat_online_notices_total", "Users whose friends were told, or need not be", [
    "status",
    "outcome",
  ]);

  /** Of these, who is online; by user id. */
  async function online(userIds: readonly bigint[], signal: AbortSignal): Promise<ReadonlySet<bigint>> {
    const request = { userIds: userIds.map(String) };
    const { statuses } = await repo.onlineStatus.getUsersOnlineStatus(request, { signal, timeoutMs: callTimeoutMs });
    return new Set(statuses.flatMap(({ userId, isOnline }) => (isOnline ? [BigInt(userId)] : [])));
  }

  async function tellAll(status: "online" | "offline", notices: readonly Notice[], asked: number, signal: AbortSignal) {
    await tell(notices, signal);
    told.inc({ status, outcome: "told" }, notices.length);
    told.inc({ status, outcome: "dropped" }, asked - notices.length);
  }

  return {
    async tellOnline(userIds: readonly bigint[], signal: AbortSignal): Promise<void> {
      const present = await online(userIds, signal);
      const notices = userIds
        .filter((userId) => present.has(userId))
        .map((userId): Notice => ({ userId, data: { userId: userId.toString(), status: "online" } }));
      await tellAll("online", notices, userIds.length, signal);
    },

    async tellOffline(due: readonly Due[], signal: AbortSignal): Promise<void> {
      try {
        const present = await online(
          due.map(({ userId }) => userId),
          signal,
        );
        const notices = due
          .filter((one) => !present.has(one.userId) && !one.isBack())
          .map((one): Notice => {
            const data = { userId: one.userId.toString(), status: "offline", lastSeen: one.lastSeen } as const;
            return { userId: one.userId, data, isOver: () => one.isBack() };
          });
        await tellAll("offline", notices, due.length, signal);
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
