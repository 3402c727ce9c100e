import type { Logger } from "#infra/clog/clog.ts";
import type { Message } from "#proto/gen/gochat/common/v1/message_pb.ts";
import { IDS_MAX } from "#proto/limits.ts";
import type { GatewayMetrics } from "../metrics.ts";
import type { Room } from "./handshake.ts";
import type { Hub } from "./hub.ts";
import type { ResyncSender } from "./resync.ts";
import type { RoomFlow } from "./room-flow.ts";
import type { Rooms } from "./rooms.ts";
import type { Session } from "./session.ts";

/** Who of a room's members listens here, kept true by the member changes of its stream (spec 50 §3 "Membership at the
 *  gateways"). The world has no member changes and never comes here. */
export interface Membership {
  /** At connect, or when the rooms were read again. */
  subscribe(session: Session, rooms: readonly Room[]): void;
  /** Rows of a room as they come by broadcast, in seq order. `membersSeq`: of the last member change before the first row. */
  push(conversationId: string, membersSeq: bigint, rows: readonly Message[]): void;
  /** A group became a room: the row came by listing to these sessions. */
  opened(conversationId: string, membersSeq: bigint, sessions: readonly Session[]): void;
  readonly rooms: number;
}

export interface MembershipDeps {
  readonly hub: Hub;
  readonly rooms: Rooms;
  readonly flow: Pick<RoomFlow, "push" | "flush">;
  readonly resync: Pick<ResyncSender, "spread">;
  readonly metrics: Pick<GatewayMetrics, "membershipChecks">;
  readonly clog: Logger;
  /** Of at most 1000 users; one read of the database's primary, at most a second. */
  readonly checkMembers: (
    conversationId: string,
    userIds: readonly string[],
  ) => Promise<{ readonly memberUserIds: readonly string[]; readonly membersSeq: bigint }>;
}

interface State {
  /** Seq of the last member change that the subscriptions here reflect. */
  applied: bigint;
  /** What came while repo was asked; undefined while nobody asks. */
  waiting: { readonly membersSeq: bigint; readonly rows: readonly Message[] }[] | undefined;
  waitingRows: number;
}

/** Rows of one room that wait for an answer; beyond it none of them is published, and its sessions are told to sync. */
const waitingRowsMax = 1000;
/** Rooms that are remembered; beyond it those without a session here are forgotten. */
const roomsMax = 10_000;

export function createMembership(deps: MembershipDeps): Membership {
  const { hub, rooms, flow, resync, metrics, clog, checkMembers } = deps;
  const states = new Map<string, State>();

  /** Somebody's reading of the database: who listens here already may be known by an older one. */
  function note(conversationId: string, membersSeq: bigint): void {
    const known = states.get(conversationId);
    if (known !== undefined) {
      if (membersSeq < known.applied) known.applied = membersSeq;
      return;
    }
    if (states.size >= roomsMax) {
      for (const [id, { waiting }] of states) if (waiting === undefined && rooms.sockets(id) === 0) states.delete(id);
    }
    states.set(conversationId, { applied: membersSeq, waiting: undefined, waitingRows: 0 });
  }

  function listeners(conversationId: string): Session[] {
    return [...hub.all()].filter((session) => rooms.listens(session, conversationId));
  }

  /** Subscribed by a change: a row may have passed before. */
  function admit(conversationId: string, sessions: readonly Session[]): void {
    const fresh = sessions.filter((session) => session.state !== "closed" && !rooms.listens(session, conversationId));
    for (const session of fresh) rooms.subscribe(session, [{ conversationId, membersSeq: 0n }]);
    // Who is still connecting syncs afterwards anyway.
    const open = fresh.filter((session) => session.state === "open");
    if (open.length > 0) resync.spread(open, [conversationId], "room joined");
  }

  function sessionsOf(userIds: readonly string[]): Session[] {
    return userIds.flatMap((userId) => [...hub.ofUser(BigInt(userId))]);
  }

  /** Publishes rows, and follows the changes among them in their place. */
  function apply(conversationId: string, rows: readonly Message[]): void {
    let from = 0;
    for (const [at, { change, seqId }] of rows.entries()) {
      const applied = states.get(conversationId)?.applied ?? 0n;
      const members = change.case === "memberAdded" || change.case === "memberRemoved" || change.case === "memberLeft";
      if (members && seqId > applied) {
        // The row that adds somebody is for him too, and so is the one that removes him: his last.
        const until = change.case === "memberAdded" ? at : at + 1;
        publish(conversationId, rows.slice(from, until));
        from = until;
        if (change.case === "memberAdded") {
          admit(conversationId, sessionsOf(change.value.members.map(({ userId }) => userId)));
        } else {
          for (const session of sessionsOf(change.value.userIds)) rooms.unsubscribe(session, conversationId);
        }
        const state = states.get(conversationId);
        if (state !== undefined) state.applied = seqId;
        else if (rooms.sockets(conversationId) > 0) note(conversationId, seqId);
      } else if (change.case === "roomMode" && !change.value.room) {
        publish(conversationId, rows.slice(from, at + 1));
        from = at + 1;
        for (const session of listeners(conversationId)) rooms.unsubscribe(session, conversationId);
        states.delete(conversationId);
      }
    }
    if (from < rows.length) flow.push(conversationId, rows.slice(from));
  }

  /** At once, so that what changes the subscriptions comes after it. */
  function publish(conversationId: string, rows: readonly Message[]): void {
    if (rows.length > 0) flow.push(conversationId, rows);
    flow.flush(conversationId);
  }

  async function ask(conversationId: string, state: State): Promise<void> {
    const sessions = listeners(conversationId);
    const userIds = [...new Set(sessions.map((session) => session.userId))];
    metrics.membershipChecks.inc();
    const members = new Set<string>();
    let membersSeq: bigint | undefined;
    for (let from = 0; from < userIds.length; from += IDS_MAX) {
      const answer = await checkMembers(conversationId, userIds.slice(from, from + IDS_MAX));
      for (const userId of answer.memberUserIds) members.add(userId);
      if (membersSeq === undefined || answer.membersSeq < membersSeq) membersSeq = answer.membersSeq;
    }
    const gone = sessions.filter((session) => !members.has(session.userId));
    for (const session of gone) rooms.unsubscribe(session, conversationId);
    // They did not get the row that removed them: the sync says so.
    if (gone.length > 0) resync.spread(gone, [conversationId], "room left");
    if (membersSeq !== undefined && membersSeq > state.applied) state.applied = membersSeq;
  }

  /** One question in flight per room; what comes meanwhile waits behind it. */
  function behind(conversationId: string, state: State): void {
    state.waiting = [];
    state.waitingRows = 0;
    // What was published before is for those who listened then.
    flow.flush(conversationId);
    ask(conversationId, state)
      .then(() => true)
      .catch((error: unknown) => {
        clog.warn("members of a room could not be asked for", { conversation_id: conversationId, err: error });
        return false;
      })
      .then((answered) => {
        const waiting = state.waiting ?? [];
        state.waiting = undefined;
        const tooMany = state.waitingRows > waitingRowsMax;
        if (!answered || tooMany) resync.spread(listeners(conversationId), [conversationId], "members unknown");
        // Unpublished, the changes among them still stand: the next record asks for what they did.
        else for (const { membersSeq, rows } of waiting) push(conversationId, membersSeq, rows);
      })
      .catch((error: unknown) => clog.error("rows of a room were not published", { err: error }));
  }

  function push(conversationId: string, membersSeq: bigint, rows: readonly Message[]): void {
    const state = states.get(conversationId);
    if (state === undefined || (rooms.sockets(conversationId) === 0 && state.waiting === undefined)) {
      // Nobody listens here: only who is added now may begin to.
      states.delete(conversationId);
      apply(conversationId, rows);
      return;
    }
    if (state.waiting === undefined && membersSeq > state.applied) behind(conversationId, state);
    if (state.waiting === undefined) {
      apply(conversationId, rows);
      return;
    }
    state.waitingRows += rows.length;
    if (state.waitingRows <= waitingRowsMax) state.waiting.push({ membersSeq, rows });
  }

  return {
    subscribe(session, all) {
      rooms.subscribe(session, all);
      for (const { conversationId, membersSeq } of all)
        if (conversationId !== "world") note(conversationId, membersSeq);
    },
    push,
    opened(conversationId, membersSeq, sessions) {
      note(conversationId, membersSeq);
      admit(conversationId, sessions);
    },
    get rooms() {
      return states.size;
    },
  };
}
