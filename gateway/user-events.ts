import { create } from "@bufbuild/protobuf";
import type { Logger } from "#infra/clog/clog.ts";
import { type Mq, outRecord } from "#infra/mq/mq.ts";
import { type UserEvent, UserEventSchema } from "#proto/gen/gochat/mq/v1/user_event_pb.ts";
import { topics } from "#proto/topics.ts";
import { createBatcher } from "./batcher.ts";
import type { Session } from "./ws/session.ts";

/** Events per produce, and events that may wait while the log is away or everybody comes at once; beyond it they are
 *  dropped, and the log says how many. */
const batchMax = 500;
const waitingMax = 50_000;
/** Between two words about dropped events, ms. */
const toldEveryMs = 10_000;
const attemptsMax = 5;

/** `user.online` and `user.offline`, produced to `gochat.user-events` keyed by user, in order per user. */
export interface UserEvents {
  online(session: Session): void;
  /** `lastSeen` in Unix seconds. */
  offline(session: Session, lastSeen: bigint, reason: string): void;
  idle(): Promise<void>;
}

export interface UserEventsDeps {
  readonly mq: Mq;
  readonly clog: Logger;
  readonly clock: () => number;
}

export function createUserEvents(gatewayId: string, { mq, clog, clock }: UserEventsDeps): UserEvents {
  const batcher = createBatcher<UserEvent>({
    batchMax,
    waitingMax,
    flush: produce,
    failed: (error, events) => clog.warn("user events were dropped", { count: events.length, err: error }),
  });

  let dropped = 0;
  let toldMs = Number.NEGATIVE_INFINITY;

  async function produce(events: readonly UserEvent[]): Promise<void> {
    const records = events.map((event) => outRecord(topics.userEvents, String(event.userId), event));
    for (let attempt = 1; ; attempt += 1) {
      try {
        await mq.send(records);
        return;
      } catch (error) {
        if (attempt >= attemptsMax) throw error;
        await Bun.sleep(100 * 2 ** attempt);
      }
    }
  }

  function push(session: Session, eventType: string, payload: UserEvent["payload"]): void {
    const event = create(UserEventSchema, {
      eventId: Bun.randomUUIDv7(),
      eventType,
      timestampMs: BigInt(clock()),
      userId: session.userKey,
      payload,
    });
    if (!batcher.push(event)) drop();
  }

  /** A line for each would be a storm of its own. */
  function drop(): void {
    dropped += 1;
    if (clock() - toldMs < toldEveryMs) return;
    toldMs = clock();
    clog.warn("user events were dropped: too many wait", { count: dropped });
    dropped = 0;
  }

  return {
    online: (session) =>
      push(session, "user.online", {
        case: "online",
        value: {
          $typeName: "gochat.mq.v1.UserOnline",
          gatewayId,
          sessionId: session.id,
          ipAddress: session.device.address,
          userAgent: session.device.userAgent,
        },
      }),
    offline: (session, lastSeen, reason) =>
      push(session, "user.offline", {
        case: "offline",
        value: { $typeName: "gochat.mq.v1.UserOffline", gatewayId, lastSeen, reason },
      }),
    idle: () => batcher.idle(),
  };
}
