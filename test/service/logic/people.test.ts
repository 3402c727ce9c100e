import { afterEach, beforeEach, expect, test } from "bun:test";
import { ConversationType } from "../../../proto/gen/gochat/common/v1/conversation_pb.ts";
import { UserStatus } from "../../../proto/gen/gochat/common/v1/user_pb.ts";
import { type Accounts, openAccounts } from "./accounts-fixture.ts";

let app: Accounts;
beforeEach(async () => {
  app = await openAccounts();
});
afterEach(() => app[Symbol.asyncDispose]());

async function register(username: string): Promise<string> {
  const { user } = await app.auth.register({ username, password: "correct horse" });
  return user?.id ?? "";
}
const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: { code?: string }) => error.code,
  );

test("10 §4: search leaves out oneself, guests, disabled accounts and those who blocked the caller", async () => {
  const ann = await register("anna");
  for (const name of ["annabel", "joanna", "anna_off", "anna_blocks", "anna_blocked"]) await register(name);
  const idOf = async (name: string) => (await app.repo.user.getUserByUsername({ username: name })).user?.id ?? "";
  await app.auth.guestLogin({});
  await app.repo.user.updateUser({ userId: await idOf("anna_off"), status: UserStatus.DISABLED });
  await app.relate(await idOf("anna_blocks"), ann, 3);
  await app.relate(ann, await idOf("anna_blocked"), 3);
  const found = async (userId: string, query: string) =>
    (await app.friend.searchUsers({ userId, query })).users.map(({ username }) => username);
  expect(await found(ann, "anna")).toEqual(["anna_blocked", "annabel", "joanna"]);
  expect(await found(await idOf("annabel"), "anna")).toEqual(["anna", "anna_blocked", "anna_blocks", "joanna"]);
  expect(await found(ann, "guest")).toEqual([]);
});

test("10 §4: presence is told of friends and of members of a shared group, never by who blocked the caller", async () => {
  const names = ["ann", "friend", "mate", "stranger", "blocker", "away"] as const;
  const ids: Record<string, string> = {};
  for (const name of names) ids[name] = await register(name);
  const of = (name: (typeof names)[number]): string => ids[name] ?? "";
  for (const name of names.filter((one) => one !== "away")) {
    const place = { gatewayId: "gateway-1", incarnation: "one", sessionId: `socket-${name}` };
    const { sessionId } = await app.auth.validateToken({
      accessToken: (await app.auth.login({ username: name, password: "correct horse" })).accessToken,
    });
    await app.repo.onlineStatus.setUserOnline({ ...place, userId: of(name), sid: sessionId });
  }
  for (const other of ["friend", "away"] as const) await app.relate(of("ann"), of(other), 1);
  const group = {
    type: ConversationType.GROUP,
    ownerId: of("mate"),
    name: "we",
    memberIds: [of("ann"), of("blocker")],
  };
  await app.repo.conversation.createConversation(group);
  await app.relate(of("blocker"), of("ann"), 3);

  const targetIds = [...names.map(of), of("friend"), "7"];
  const { statuses } = await app.user.getOnlineStatuses({ userId: of("ann"), targetIds });
  expect(statuses.map(({ userId, isOnline }) => [userId, isOnline])).toEqual([
    [of("ann"), true],
    [of("friend"), true],
    [of("mate"), true],
    [of("stranger"), false],
    [of("blocker"), false],
    [of("away"), false],
    ["7", false],
  ]);
  expect(statuses.filter(({ isOnline }) => !isOnline).every(({ lastSeen }) => lastSeen === 0n)).toBe(true);
  expect(statuses.every(({ sessions, gatewayId }) => sessions.length === 0 && gatewayId === "")).toBe(true);

  const many = Array.from({ length: 101 }, (_, at) => String(at + 1));
  expect(await codeOf(app.user.getOnlineStatuses({ userId: of("ann"), targetIds: many }))).toBe("INVALID_PARAMETER");
  expect(await codeOf(app.user.getOnlineStatuses({ userId: of("ann"), targetIds: ["x"] }))).toBe("INVALID_PARAMETER");
  const guest = (await app.auth.guestLogin({})).user?.id ?? "";
  expect(await codeOf(app.user.getOnlineStatuses({ userId: guest, targetIds: [] }))).toBe("GUEST_FORBIDDEN");
});
