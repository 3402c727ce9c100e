import { expect, test } from "bun:test";
import type { Cache } from "#infra/cache/cache.ts";
import { createRouteFinder } from "./routes.ts";
import { createPresenceStore } from "./store/presence.ts";
import { formatPresence, presenceKey } from "./store/presence-format.ts";
import type { CreateTestRepo } from "./testing.ts";

/** Runs on every database: `createTestRepo` says on which. */
export function routesSuite(createTestRepo: CreateTestRepo): void {
  test("lists the gateways of the members; who has no session is offline; a room has no routes", async () => {
    await using repo = await createTestRepo();
    const [ann, bob, cid] = [await repo.addUser(), await repo.addUser(), await repo.addUser()];
    const id = await repo.addConversation([ann, bob, cid]);
    const at = (gatewayId: string) => ({ gatewayId, incarnation: "i1", sessions: 1 });
    const { cache } = repo.context;
    await cache.set(presenceKey(ann), formatPresence([at("gateway-1"), at("gateway-2")]));
    await cache.set(presenceKey(bob), formatPresence([at("gateway-1")]));
    const routes = createRouteFinder(repo.context);
    const found = await routes.find([
      { id, isRoom: false, membersSeq: 0n },
      { id: "world", isRoom: true, membersSeq: 0n },
    ]);
    expect(found.routesKnown).toBe(true);
    expect(found.cacheRunId).not.toBe("");
    const [group, world] = found.conversations;
    expect(group?.routes.map((route) => [route.gatewayId, route.incarnation, route.userIds])).toEqual([
      ["gateway-1", "i1", [ann, bob]],
      ["gateway-2", "i1", [ann]],
    ]);
    expect(group?.offlineUserIds).toEqual([cid]);
    expect([world?.isRoom, world?.routes, world?.offlineUserIds]).toEqual([true, [], []]);
  });

  test("rooms alone: the cache is not asked, and one that is away keeps nobody from anything", async () => {
    await using repo = await createTestRepo();
    const away = new Proxy(repo.context.cache, { get: () => () => Promise.reject(new Error("away")) }) as Cache;
    const found = await createRouteFinder({ ...repo.context, cache: away }).find([
      { id: "world", isRoom: true, membersSeq: 0n },
    ]);
    expect([found.routesKnown, found.cacheRunId]).toEqual([true, ""]);
    expect(found.conversations.map(({ isRoom, routes }) => [isRoom, routes])).toEqual([[true, []]]);
  });

  test("the member list is cached under members_seq: another seq is read again", async () => {
    await using repo = await createTestRepo();
    const ann = await repo.addUser();
    const id = await repo.addConversation([ann]);
    const routes = createRouteFinder(repo.context);
    const offline = async (membersSeq: bigint) =>
      (await routes.find([{ id, isRoom: false, membersSeq }])).conversations[0]?.offlineUserIds;
    expect(await offline(0n)).toEqual([ann]);
    await repo.context.cache.set(`conversation:members:${id}:0`, "5,6");
    expect(await offline(0n)).toEqual([5n, 6n]);
    expect(await offline(1n)).toEqual([ann]);
  });

  test("a cache that is away: members come from the database, routes are unknown, nothing is thrown", async () => {
    await using repo = await createTestRepo();
    const id = await repo.addConversation([await repo.addUser()]);
    const away = new Proxy(repo.context.cache, { get: () => () => Promise.reject(new Error("away")) }) as Cache;
    const presence = createPresenceStore({ ...repo.context, cache: away });
    const found = await createRouteFinder({ ...repo.context, cache: away, presence }).find([
      { id, isRoom: false, membersSeq: 0n },
    ]);
    expect([found.routesKnown, found.cacheRunId, found.conversations[0]?.routes]).toEqual([false, "", []]);
  });
}
