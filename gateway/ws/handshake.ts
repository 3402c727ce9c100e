import type { Logger } from "#infra/clog/clog.ts";
import { createBatcher } from "../batcher.ts";
import { type Presence, registerMax } from "../presence.ts";
import { closes } from "./close-codes.ts";
import type { Session } from "./session.ts";

/** A room of a user, as read from the database: a conversation that is delivered by native channels. */
export interface Room {
  readonly conversationId: string;
  /** Seq of the last membership change that this reading knows. */
  readonly membersSeq: bigint;
}

/** Steps 2 to 5 after an upgrade (spec 20 §1), shared by all that connect at the same time: presence, rooms, subscribed,
 *  `connected`. One batch of at most 500 in flight. */
export interface Handshake {
  /** The session must be in the hub already. False: too many are connecting; the caller closes with 1013. */
  begin(session: Session): boolean;
  readonly connecting: number;
  idle(): Promise<void>;
}

export interface HandshakeDeps {
  readonly presence: Presence;
  /** Rooms of ≤ 500 users by user id, from the database. */
  readonly getRooms: (userIds: readonly string[]) => Promise<ReadonlyMap<string, readonly Room[]>>;
  readonly subscribe: (session: Session, rooms: readonly Room[]) => void;
  /** Sends `connected` and takes up the frames that waited. */
  readonly opened: (session: Session) => void;
  readonly clog: Logger;
}

export function createHandshake(options: { readonly connectingMax: number }, deps: HandshakeDeps): Handshake {
  const { presence, getRooms, clog } = deps;

  async function connect(batch: readonly Session[]): Promise<void> {
    const sessions = batch.filter((session) => session.state === "connecting");
    if (sessions.length === 0) return;
    try {
      await presence.register(sessions);
    } catch (error) {
      // It may have been stored all the same: the close tells presence that they ended.
      for (const session of sessions) session.registered = true;
      throw error;
    }
    const waiting = sessions.filter((session) => session.state === "connecting" && session.closeCode === 0);
    if (waiting.length === 0) return;
    const rooms = await getRooms([...new Set(waiting.map((session) => session.userId))]);
    // One turn from here on: nothing is published between the subscription and `connected`.
    for (const session of waiting) {
      if (session.state !== "connecting" || session.closeCode !== 0) continue;
      deps.subscribe(session, rooms.get(session.userId) ?? []);
      session.state = "open";
      deps.opened(session);
    }
  }

  const batcher = createBatcher<Session>({
    batchMax: registerMax,
    get waitingMax() {
      return options.connectingMax;
    },
    flush: connect,
    failed(error, sessions) {
      clog.warn("connecting failed", { count: sessions.length, err: error });
      for (const session of sessions) {
        if (session.state === "closed") presence.left(session);
        else if (session.state === "connecting") session.close(closes.overloaded.code, closes.overloaded.reason);
      }
    },
  });

  return {
    begin: (session) => batcher.push(session),
    get connecting() {
      return batcher.waiting;
    },
    idle: () => batcher.idle(),
  };
}
