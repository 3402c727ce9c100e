import { expect, test } from "bun:test";
import { topics } from "../../../proto/topics.ts";
import { createApi, newAccount } from "../../support/api.ts";
import { openSocket, until } from "../../support/socket.ts";
import { openTown } from "../gateway/gateway-fixture.ts";

test("20 §10: a gateway that died: its users are told offline once, by the time of its last report, their friends too", async () => {
  const quick = { sweepEvery: 100, silentFor: 1000, offlineDelay: 100 };
  await using town = await openTown(undefined, undefined, {
    task: true,
    change: (task) => ({ ...task, presence: { ...task.presence, ...quick } }),
  });
  const told: { userId: string; reason: string; gatewayId: string; lastSeen: number }[] = [];
  const options = {
    group: "test.offline",
    from: "earliest",
    commits: false,
    recordsMax: 100,
    bytesMax: 1 << 20,
  } as const;
  await town.mq.subscribe(topics.userEvents, options, async ({ records }) => {
    for (const { value } of records)
      if (value.payload.case === "offline") {
        const { reason, gatewayId, lastSeen } = value.payload.value;
        told.push({ userId: String(value.userId), reason, gatewayId, lastSeen: Number(lastSeen) });
      }
    return { done: records.length };
  });
  const first = town.url;
  const [ann, ben] = [await newAccount(createApi(first), "ann"), await newAccount(createApi(first), "ben")];
  await town.friendship.createFriendshipRelation({ userId: ann.userId, friendId: ben.userId });
  await using a = await openSocket(first, ann.accessToken);
  const online = async () => {
    const { statuses } = await town.onlineStatus.getUsersOnlineStatus({ userIds: [ann.userId, ben.userId] });
    return statuses.map(({ isOnline }) => isOnline);
  };
  // As a gateway leaves it that was killed: in presence, and not in the registry.
  const dead = { gatewayId: "gateway-7", incarnation: Bun.randomUUIDv7() };
  const claims = JSON.parse(Buffer.from(ben.accessToken.split(".")[1] ?? "", "base64url").toString());
  const atS = Math.floor(Date.now() / 1000);
  await town.onlineStatus.setUsersOnline({ items: [{ ...dead, userId: ben.userId, sessionId: "b", sid: claims.sid }] });
  expect(await online()).toEqual([true, true]);
  await until("told", () => told.length > 0);
  const [event] = told;
  expect(event).toMatchObject({ userId: ben.userId, reason: "timeout", gatewayId: "gateway-7" });
  expect(event?.lastSeen).toBeWithin(atS, atS + 2);
  expect(await online()).toEqual([true, false]);
  const { data } = await a.next("online-status");
  expect(data).toEqual({ userId: ben.userId, status: "offline", lastSeen: event?.lastSeen });
  // Ann's gateway is silent for longer than the next one that is dead, but alive.
  await town.onlineStatus.setUsersOnline({ items: [{ ...dead, userId: ben.userId, sessionId: "c", sid: claims.sid }] });
  await until("told again", () => told.length > 1);
  expect(await online()).toEqual([true, false]);
  expect(told.map(({ userId }) => userId)).toEqual([ben.userId, ben.userId]);
});
