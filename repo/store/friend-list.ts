import { and, asc, desc, eq, gt, gte, inArray, isNotNull, or, type SQL } from "drizzle-orm";
import type { Friend, FriendRequest } from "#proto/gen/gochat/common/v1/friend_pb.ts";
import type { RepoContext } from "../context.ts";
import { overlapMs } from "./conversation-list.ts";
import { friendStatus, friendshipColumns, toFriend, toFriendRequest } from "./friendship-row.ts";
import { type SenderRow, senderColumns } from "./message-row.ts";

/** Rows of one list; who has more friends gets the first of them by id. */
const friendsMax = 5000;

export interface RequestQuery {
  readonly userId: bigint;
  readonly sent: boolean;
  /** Undefined: pending, accepted and rejected ones. */
  readonly status: number | undefined;
  readonly offset: number;
  readonly limit: number;
}

/** A friend of a user: one row of the table. */
export interface Pair {
  readonly userId: bigint;
  readonly friendId: bigint;
}

/** Reads of friends, blocks and requests, from the primary. */
export interface FriendLists {
  /** Rows of the user with one status, by the other's id; at most 5000. */
  withStatus(userId: bigint, status: number): Promise<Friend[]>;
  /** The same, a page. */
  page(userId: bigint, status: number, offset: number, limit: number): Promise<Friend[]>;
  /** What changed since `sinceMs` of the database clock less the overlap, oldest first: friends, and who is none now. */
  changedSince(userId: bigint, sinceMs: number): Promise<{ friends: Friend[]; removedIds: string[] }>;
  /** Newest first. */
  requests(query: RequestQuery): Promise<FriendRequest[]>;
  /** The newest open or answered request between the two, in either direction. */
  between(userId: bigint, otherId: bigint): Promise<FriendRequest | undefined>;
  /** Friends of the users who are so in both directions: nobody who blocks or is blocked. Looks at `limit` pairs in order
   *  of user and friend; `next` is the last one when there may be more. At most 1000 users and pairs. */
  mutual(userIds: readonly bigint[], after: Pair, limit: number): Promise<{ pairs: Pair[]; next: Pair | undefined }>;
}

export function createFriendLists(context: Pick<RepoContext, "db" | "tables">): FriendLists {
  const { db, tables } = context;
  const { friendshipRequests: f, users } = tables;
  const columns = { row: friendshipColumns(tables), friend: senderColumns(tables) };
  const byPair = { table: f, columns: columns.row, by: [f.requesterId, f.targetId] };
  const people = { table: users, columns: columns.friend, by: [users.id] };

  async function list(where: SQL | undefined, order: SQL, limit: number, offset = 0) {
    return await db.q
      .select(columns)
      .from(f)
      .leftJoin(users, eq(users.id, f.targetId))
      .where(where)
      .orderBy(order)
      .limit(limit)
      .offset(offset);
  }

  const ofUser = (userId: bigint, status: number): SQL | undefined =>
    and(eq(f.requesterId, userId), eq(f.status, status));

  async function page(userId: bigint, status: number, offset: number, limit: number): Promise<Friend[]> {
    const rows = await list(ofUser(userId, status), asc(f.targetId), limit, offset);
    return rows.map(({ row, friend }) => toFriend(row, friend));
  }

  async function shown(rows: Parameters<typeof toFriendRequest>[0][]): Promise<FriendRequest[]> {
    const ids = new Set(rows.flatMap(({ requesterId, targetId }) => [requesterId, targetId]));
    const found = await db.find(
      people,
      Array.from(ids, (id) => [id]),
    );
    const byId = new Map<bigint, SenderRow>(found.map((account) => [account.id, account]));
    return rows.map((row) => toFriendRequest(row, byId));
  }

  return {
    withStatus: (userId, status) => page(userId, status, 0, friendsMax),
    page,

    async changedSince(userId, sinceMs) {
      const { accepted, blocked, removed } = friendStatus;
      const changed = and(
        eq(f.requesterId, userId),
        gte(f.updatedAt, sinceMs - overlapMs),
        inArray(f.status, [accepted, blocked, removed]),
      );
      const rows = await list(changed, asc(f.updatedAt), friendsMax);
      const friends = rows.filter(({ row }) => row.status === accepted);
      const others = rows.filter(({ row }) => row.status !== accepted);
      return {
        friends: friends.map(({ row, friend }) => toFriend(row, friend)),
        removedIds: others.map(({ row }) => row.targetId.toString()),
      };
    },

    async requests({ userId, sent, status, offset, limit }) {
      const { pending, accepted, rejected } = friendStatus;
      const wanted = status === undefined ? inArray(f.status, [pending, accepted, rejected]) : eq(f.status, status);
      const rows = await db.q
        .select(columns.row)
        .from(f)
        // The row that an acceptance made for the other direction asked for nothing.
        .where(and(eq(sent ? f.requesterId : f.targetId, userId), wanted, isNotNull(f.message)))
        .orderBy(desc(f.createdAt), desc(f.id))
        .limit(limit)
        .offset(offset);
      return await shown(rows);
    },

    async between(userId, otherId) {
      const rows = await db.find(byPair, [
        [userId, otherId],
        [otherId, userId],
      ]);
      const asked = rows.filter((row) => row.message !== null && row.status <= friendStatus.rejected);
      const [newest] = asked.toSorted((a, b) => b.createdAt - a.createdAt);
      return newest === undefined ? undefined : (await shown([newest]))[0];
    },

    async mutual(userIds, { userId, friendId }, limit) {
      const behind = or(gt(f.requesterId, userId), and(eq(f.requesterId, userId), gt(f.targetId, friendId)));
      const asked = userIds.filter((id) => id >= userId);
      if (asked.length === 0) return { pairs: [], next: undefined };
      const looked = await db.q
        .select({ userId: f.requesterId, friendId: f.targetId })
        .from(f)
        .where(and(inArray(f.requesterId, asked), eq(f.status, friendStatus.accepted), behind))
        .orderBy(asc(f.requesterId), asc(f.targetId))
        .limit(limit);
      if (looked.length === 0) return { pairs: [], next: undefined };
      const opposite = await db.find(
        byPair,
        looked.map((pair) => [pair.friendId, pair.userId]),
      );
      const back = new Set(
        opposite.flatMap((row) => (row.status === friendStatus.accepted ? [`${row.targetId} ${row.requesterId}`] : [])),
      );
      return {
        pairs: looked.filter((pair) => back.has(`${pair.userId} ${pair.friendId}`)),
        next: looked.length < limit ? undefined : looked.at(-1),
      };
    },
  };
}
