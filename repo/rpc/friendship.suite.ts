import { afterEach, beforeEach, expect, test } from "bun:test";
import type { Client } from "@connectrpc/connect";
import { directClientOf } from "#infra/rpc/direct.ts";
import { rpcService } from "#infra/rpc/rpc.ts";
import { connectErrors } from "#proto/connect-errors.ts";
import { FriendshipService } from "#proto/gen/gochat/repo/v1/friendship_service_pb.ts";
import type { CreateTestRepo, TestRepo } from "../testing.ts";
import { codeOf } from "./changes-testing.ts";
import { friendshipService } from "./friendship.ts";

/** Runs on every database: `createTestRepo` says on which. */
export function friendshipSuite(createTestRepo: CreateTestRepo): void {
  let repo: TestRepo;
  let service: Client<typeof FriendshipService>;
  beforeEach(async () => {
    repo = await createTestRepo();
    const services = [rpcService(FriendshipService, friendshipService(repo.context))];
    service = directClientOf(services, FriendshipService, { errors: connectErrors });
  });
  afterEach(() => repo[Symbol.asyncDispose]());

  /** Accounts, ids ascending. */
  async function people(count: number): Promise<string[]> {
    const ids = await Promise.all(Array.from({ length: count }, () => repo.addUser()));
    return ids.toSorted((a, b) => (a < b ? -1 : 1)).map(String);
  }
  const befriend = (userId: string, friendId: string) => service.createFriendshipRelation({ userId, friendId });
  const mutual = async (userIds: string[], page: object = {}) => {
    const { users, nextUserId, nextFriendId } = await service.getMutualFriends({ userIds, ...page });
    return { users: users.map(({ userId, friendIds }) => [userId, friendIds]), next: [nextUserId, nextFriendId] };
  };

  test("mutual friends: of several users, without strangers, blocks of either side, and friendships that ended", async () => {
    const [ann = "", ben = "", cal = "", dan = "", eve = "", fay = ""] = await people(6);
    for (const friend of [ben, cal, dan, eve]) await befriend(ann, friend);
    await befriend(fay, ben);
    await service.setBlock({ userId: ann, otherId: cal, blocked: true });
    await service.setBlock({ userId: dan, otherId: ann, blocked: true });
    await service.removeFriendship({ userId: ann, otherId: eve });
    const { users, next } = await mutual([fay, ann, cal]);
    expect(users).toEqual([
      [ann, [ben]],
      [fay, [ben]],
    ]);
    expect(next).toEqual(["", ""]);
    await service.setBlock({ userId: dan, otherId: ann, blocked: false });
    expect((await mutual([ann])).users).toEqual([[ann, [ben, dan]]]);
  });

  test("pages go on behind the last pair that was looked at, also when it is not answered", async () => {
    const [ann = "", ben = "", ...others] = await people(7);
    for (const friend of others) await befriend(ann, friend);
    for (const friend of others) await befriend(ben, friend);
    await service.setBlock({ userId: others[1] ?? "", otherId: ann, blocked: true });
    const seen: string[] = [];
    let page = { afterUserId: "", afterFriendId: "" };
    for (let pages = 0; ; pages += 1) {
      expect(pages).toBeLessThan(7);
      const { users, next } = await mutual([ann, ben], { ...page, limit: 2 });
      for (const [user, friends = []] of users) for (const friend of friends) seen.push(`${user} ${friend}`);
      page = { afterUserId: next[0] ?? "", afterFriendId: next[1] ?? "" };
      if (page.afterUserId === "") break;
    }
    const expected = [ann, ben].flatMap((user) => others.map((friend) => `${user} ${friend}`));
    expect(seen).toEqual(expected.filter((pair) => pair !== `${ann} ${others[1]}`));
  });

  test("nobody, and ids that are none", async () => {
    expect((await mutual([])).users).toEqual([]);
    expect((await mutual(["999"])).users).toEqual([]);
    expect(await codeOf(mutual(["x"]))).toBe("INVALID_PARAMETER");
    expect(await codeOf(mutual(Array.from({ length: 1001 }, (_, n) => String(n + 1))))).toBe("INVALID_PARAMETER");
  });
}
