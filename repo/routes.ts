import { eq } from "drizzle-orm";
import { jitter } from "#infra/cache/cache.ts";
import type { ConversationRoutes, Route } from "#proto/gen/gochat/repo/v1/routes_pb.ts";
import type { RepoContext } from "./context.ts";
import type { PresencePlace } from "./store/presence-format.ts";

/** A conversation as its rows were written: who must be reached depends on nothing else. */
export interface RoutedConversation {
  readonly id: string;
  readonly isRoom: boolean;
  readonly membersSeq: bigint;
  /** A row to push switches the room on: that row is delivered by listing (spec 50 §3). */
  readonly listed?: boolean;
  /** Users whom a row to push has removed: they get it too. */
  readonly extraUserIds?: readonly bigint[];
}

export interface Routes {
  readonly conversations: ConversationRoutes[];
  /** False: the cache could not be asked; listed pushes must wait for the resync. */
  readonly routesKnown: boolean;
  /** Empty when nothing was listed, and so nothing was read. */
  readonly cacheRunId: string;
}

export interface RouteFinder {
  /** The gateways of every member of the listed conversations, read on the cache's primary after the commit; rooms have
   *  none. Never rejects for the cache's sake; rejects when the database cannot be asked for members. */
  find(conversations: readonly RoutedConversation[]): Promise<Routes>;
}

const membersTtlMs = 6 * 3600_000;

function membersKey(conversation: RoutedConversation): string {
  return `conversation:members:${conversation.id}:${conversation.membersSeq}`;
}

const packIds = (ids: readonly bigint[]): string => ids.join(",");
const unpackIds = (packed: string): bigint[] => (packed === "" ? [] : packed.split(",").map(BigInt));

export function createRouteFinder(context: RepoContext): RouteFinder {
  const { db, tables, cache, metrics } = context;
  const clog = context.clog.namespace("routes");
  const failures = metrics.counter("gochat_repo_cache_failures_total", "Cache calls that failed, by purpose", [
    "purpose",
  ]);
  const { conversations: c, conversationMembers: m } = tables;

  /** Members and `members_seq` in one statement, so that the list is stored under the seq it belongs to. */
  async function readMembers(conversation: RoutedConversation): Promise<bigint[]> {
    const rows = await db.q
      .select({ userId: m.userId, membersSeq: c.membersSeq })
      .from(m)
      .innerJoin(c, eq(c.id, m.conversationId))
      .where(eq(m.conversationId, conversation.id));
    const ids = rows.map((row) => row.userId);
    const membersSeq = rows[0]?.membersSeq;
    if (membersSeq !== undefined) {
      const key = membersKey({ ...conversation, membersSeq });
      await cache.set(key, packIds(ids), { ttlMs: jitter(membersTtlMs) }).catch(failed("members"));
    }
    return ids;
  }

  function failed(purpose: string): (error: unknown) => undefined {
    return (error) => {
      failures.inc({ purpose });
      clog.warn("the cache cannot be asked", { purpose, err: error });
      return undefined;
    };
  }

  async function memberLists(listed: readonly RoutedConversation[]): Promise<bigint[][]> {
    const cached = await cache.mget(listed.map(membersKey)).catch(failed("members"));
    return await Promise.all(
      listed.map(async (conversation, at) => {
        const packed = cached?.[at];
        return packed === undefined ? await readMembers(conversation) : unpackIds(packed);
      }),
    );
  }

  return {
    async find(conversations) {
      const listed = conversations.filter(isListed);
      const rooms = conversations.filter((conversation) => !isListed(conversation));
      const ofRooms = rooms.map((room) => routesOf(room, [], new Map()));
      // What rooms are owed goes by broadcast, whatever the cache has lost.
      if (listed.length === 0) return { conversations: ofRooms, routesKnown: true, cacheRunId: "" };
      const lists = await memberLists(listed);
      const extras = listed.flatMap(({ extraUserIds }) => extraUserIds ?? []);
      const presence = await context.presence
        .places([...new Set([...lists.flat(), ...extras])])
        .catch(failed("presence"));
      const routed = listed.map((conversation, at) => {
        const members = presence === undefined ? [] : (lists[at] ?? []);
        return routesOf(conversation, members, presence?.places ?? new Map());
      });
      return {
        conversations: [...routed, ...ofRooms],
        routesKnown: presence !== undefined,
        cacheRunId: presence?.runId ?? "",
      };
    },
  };
}

function isListed({ isRoom, listed }: RoutedConversation): boolean {
  return !isRoom || listed === true;
}

type Places = ReadonlyMap<bigint, readonly PresencePlace[]>;

function routesOf(conversation: RoutedConversation, members: readonly bigint[], places: Places): ConversationRoutes {
  const { routes, offlineUserIds } = routesTo(members, places);
  const extra = places.size === 0 ? [] : (conversation.extraUserIds ?? []);
  return {
    $typeName: "gochat.repo.v1.ConversationRoutes",
    conversationId: conversation.id,
    isRoom: conversation.isRoom,
    membersSeq: conversation.membersSeq,
    routes,
    offlineUserIds,
    extraRoutes: extra.length === 0 ? [] : routesTo(extra, places).routes,
  };
}

function routesTo(userIds: readonly bigint[], places: Places): { routes: Route[]; offlineUserIds: bigint[] } {
  const routes = new Map<string, Route>();
  const offlineUserIds: bigint[] = [];
  for (const userId of userIds) {
    const at = places.get(userId);
    if (at === undefined || at.length === 0) offlineUserIds.push(userId);
    for (const { gatewayId, incarnation } of at ?? []) {
      const key = `${gatewayId} ${incarnation}`;
      const route = routes.get(key);
      if (route !== undefined) route.userIds.push(userId);
      else routes.set(key, { $typeName: "gochat.repo.v1.Route", gatewayId, incarnation, userIds: [userId] });
    }
  }
  return { routes: [...routes.values()], offlineUserIds };
}
