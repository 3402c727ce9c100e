import { eq } from "drizzle-orm";
import type { Tx } from "#infra/db/db.ts";
import { findMany, insertMany, now, run, type Steps } from "#infra/db/steps.ts";
import { AppError } from "#proto/errors.ts";
import type { RepoContext } from "../context.ts";
import { type ConversationStore, retriedWhenRaced, singleOf } from "./conversation.ts";
import type { ConversationRow } from "./conversation-row.ts";
import { type FriendshipRow, friendStatus, friendshipColumns } from "./friendship-row.ts";
import { type SenderRow, senderColumns } from "./message-row.ts";

/** After a rejection the same request may be made again (spec 10 §8). */
const rejectedMs = 24 * 3_600_000;

export interface Asked {
  readonly row: FriendshipRow;
  readonly people: ReadonlyMap<bigint, SenderRow>;
  /** The two are friends by it, and have this conversation. */
  readonly conversation: ConversationRow | undefined;
}

/** What changes between two people. Each is one transaction that locks both accounts first, by id ascending, so that what
 *  the two do at the same time has an order. */
export interface Friendships {
  /** A pending request of the other side is accepted instead; one's own block is lifted. Throws USER_NOT_FOUND,
   *  GUEST_FORBIDDEN, BLOCKED_BY_USER, ALREADY_FRIENDS, FRIEND_REQUEST_ALREADY_EXISTS. */
  ask(requesterId: bigint, targetId: bigint, message: string): Promise<Asked>;
  /** Throws FRIEND_REQUEST_NOT_FOUND, FRIEND_REQUEST_ALREADY_HANDLED. */
  handle(requestId: bigint, handlerId: bigint, accept: boolean): Promise<Asked>;
  /** Both directions, without a request. Throws USER_NOT_FOUND. */
  befriend(userId: bigint, friendId: bigint): Promise<void>;
  /** Both directions. Throws NOT_FRIENDS. */
  remove(userId: bigint, otherId: bigint): Promise<void>;
  /** Throws NOT_FRIENDS. */
  remark(
    userId: bigint,
    otherId: bigint,
    remark: string,
  ): Promise<{ row: FriendshipRow; friend: SenderRow | undefined }>;
  /** Lifting a block makes friends again of those whose other side never ended it. Throws USER_NOT_FOUND. */
  block(userId: bigint, otherId: bigint, blocked: boolean): Promise<void>;
}

/** Both accounts and both directions, locked. */
interface Pair {
  readonly tx: Tx;
  readonly nowMs: number;
  readonly people: ReadonlyMap<bigint, SenderRow>;
  readonly own: FriendshipRow | undefined;
  readonly theirs: FriendshipRow | undefined;
}

export function createFriendships(
  context: Pick<RepoContext, "db" | "tables" | "ids">,
  conversations: Pick<ConversationStore, "insertOrGetSteps">,
): Friendships {
  const { db, tables, ids } = context;
  const { friendshipRequests: f, users } = tables;
  const columns = friendshipColumns(tables);
  const accounts = { table: users, columns: senderColumns(tables), by: [users.id], lock: true };
  const byPair = { table: f, columns, by: [f.requesterId, f.targetId] };
  const byId = { table: f, columns, by: [f.id] };

  function* open(tx: Tx, userId: bigint, otherId: bigint): Steps<Pair> {
    const sorted = userId < otherId ? [userId, otherId] : [otherId, userId];
    const found = yield* findMany(
      accounts,
      sorted.map((id) => [id]),
    );
    const nowMs = yield* now();
    const rows = yield* findMany(byPair, [
      [userId, otherId],
      [otherId, userId],
    ]);
    const people = new Map(found.map((account) => [account.id, account]));
    const own = rows.find((row) => row.requesterId === userId);
    return { tx, nowMs, people, own, theirs: rows.find((row) => row.requesterId === otherId) };
  }

  function inPair<T>(userId: bigint, otherId: bigint, body: (pair: Pair) => Steps<T>): Promise<T> {
    return retriedWhenRaced(() =>
      db.transaction(function* (tx) {
        return yield* body(yield* open(tx, userId, otherId));
      }),
    );
  }

  interface Fields {
    readonly status?: number;
    readonly message?: string | null;
    readonly remark?: string;
    readonly createdAt?: number;
  }

  /** Writes one direction and answers it. */
  function* put(
    { tx, nowMs }: Pair,
    [requesterId, targetId]: readonly [bigint, bigint],
    present: FriendshipRow | undefined,
    fields: Fields,
  ): Steps<FriendshipRow> {
    const times = { createdAt: nowMs, updatedAt: nowMs };
    const empty = { id: ids.snowflake(), requesterId, targetId, status: 0, remark: null, message: null, ...times };
    const row: FriendshipRow = { ...(present ?? empty), ...fields, updatedAt: nowMs };
    const { remark: requesterRemarks, ...rest } = row;
    if (present === undefined) yield* insertMany(f, [{ ...rest, requesterRemarks }]);
    else {
      const { id, requesterId: _, targetId: __, ...set } = rest;
      yield* run(
        tx.q
          .update(f)
          .set({ ...set, requesterRemarks })
          .where(eq(f.id, id)),
      );
    }
    return row;
  }

  /** The request becomes a friendship of both, with their conversation. A row that no request made has no message. */
  function* accept(pair: Pair, request: FriendshipRow, opposite: FriendshipRow | undefined): Steps<Asked> {
    const { requesterId, targetId } = request;
    const { accepted: status } = friendStatus;
    const row = yield* put(pair, [requesterId, targetId], request, { status });
    yield* put(pair, [targetId, requesterId], opposite, { status, message: null });
    const { row: conversation } = yield* conversations.insertOrGetSteps(singleOf(requesterId, targetId));
    return { row, people: pair.people, conversation };
  }

  return {
    ask: (requesterId, targetId, message) =>
      inPair(requesterId, targetId, function* (pair): Steps<Asked> {
        const { own, theirs, people, nowMs } = pair;
        checkAccounts(people.get(requesterId), people.get(targetId));
        if (theirs?.status === friendStatus.blocked) throw new AppError("BLOCKED_BY_USER");
        if (own?.status === friendStatus.accepted) throw new AppError("ALREADY_FRIENDS");
        if (theirs?.status === friendStatus.pending || theirs?.status === friendStatus.accepted) {
          return yield* accept(pair, theirs, own);
        }
        const waits = own?.status === friendStatus.rejected && nowMs - own.updatedAt < rejectedMs;
        if (waits || own?.status === friendStatus.pending) throw new AppError("FRIEND_REQUEST_ALREADY_EXISTS");
        const fields = { status: friendStatus.pending, message, createdAt: nowMs };
        return { row: yield* put(pair, [requesterId, targetId], own, fields), people, conversation: undefined };
      }),

    async handle(requestId, handlerId, accepts) {
      const [asked] = await db.find(byId, [[requestId]]);
      if (asked?.targetId !== handlerId) throw new AppError("FRIEND_REQUEST_NOT_FOUND");
      return await inPair(handlerId, asked.requesterId, function* (pair): Steps<Asked> {
        const { theirs: request, own, people } = pair;
        if (request === undefined) throw new AppError("FRIEND_REQUEST_NOT_FOUND");
        if (request.status !== friendStatus.pending) throw new AppError("FRIEND_REQUEST_ALREADY_HANDLED");
        if (accepts) return yield* accept(pair, request, own);
        const direction = [request.requesterId, handlerId] as const;
        const row = yield* put(pair, direction, request, { status: friendStatus.rejected });
        return { row, people, conversation: undefined };
      });
    },

    befriend: (userId, friendId) =>
      inPair(userId, friendId, function* (pair): Steps<void> {
        checkAccounts(pair.people.get(userId), pair.people.get(friendId));
        const { accepted: status } = friendStatus;
        yield* put(pair, [userId, friendId], pair.own, { status });
        yield* put(pair, [friendId, userId], pair.theirs, { status });
      }),

    remove: (userId, otherId) =>
      inPair(userId, otherId, function* (pair): Steps<void> {
        const { own, theirs } = pair;
        if (own?.status !== friendStatus.accepted) throw new AppError("NOT_FRIENDS");
        const { removed: status } = friendStatus;
        yield* put(pair, [userId, otherId], own, { status });
        if (theirs?.status === friendStatus.accepted) yield* put(pair, [otherId, userId], theirs, { status });
      }),

    remark: (userId, otherId, remark) =>
      inPair(userId, otherId, function* (pair) {
        if (pair.own?.status !== friendStatus.accepted) throw new AppError("NOT_FRIENDS");
        const row = yield* put(pair, [userId, otherId], pair.own, { remark });
        return { row, friend: pair.people.get(otherId) };
      }),

    block: (userId, otherId, blocked) =>
      inPair(userId, otherId, function* (pair): Steps<void> {
        const { own, theirs, people } = pair;
        if (people.get(otherId) === undefined) throw new AppError("USER_NOT_FOUND");
        if ((own?.status === friendStatus.blocked) === blocked) return;
        const restored = theirs?.status === friendStatus.accepted ? friendStatus.accepted : friendStatus.removed;
        yield* put(pair, [userId, otherId], own, { status: blocked ? friendStatus.blocked : restored });
      }),
  };
}

function checkAccounts(requester: SenderRow | undefined, target: SenderRow | undefined): void {
  if (requester === undefined || target === undefined || target.status !== 0) throw new AppError("USER_NOT_FOUND");
  if (requester.isGuest || target.isGuest) throw new AppError("GUEST_FORBIDDEN");
}
