import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { UserEvent } from "../../../proto/gen/gochat/mq/v1/user_event_pb.ts";
import { topics } from "../../../proto/topics.ts";
import { type Accounts, openAccounts } from "./accounts-fixture.ts";
import { collect, until } from "./chat-fixture.ts";

describe("spec 50 §3: what accounts do is told", () => {
  let app: Accounts;
  let users: UserEvent[];
  beforeEach(async () => {
    app = await openAccounts();
    users = [];
    await collect(app.mq, topics.userEvents, users);
  });
  afterEach(() => app[Symbol.asyncDispose]());

  test("user.registered, user.login, user.profile.updated", async () => {
    const { user } = await app.auth.register({ username: "river", password: "a long one" });
    await app.auth.login({ username: "river", password: "a long one", ip: "192.0.2.1", clientInfo: "cli" });
    const userId = user?.id ?? "";
    const update = { userId, avatarUrl: "https://example.org/a.png" };
    await app.user.updateProfile(update);
    await app.user.updateProfile(update);
    await until("all", () => users.length >= 3);
    expect(users.map(({ userId: of }) => of)).toEqual(users.map(() => BigInt(userId)));
    expect(users).toMatchObject([
      { eventType: "user.registered", payload: { case: "registered", value: { username: "river" } } },
      {
        eventType: "user.login",
        payload: {
          case: "login",
          value: { sid: expect.stringMatching(/^[0-9a-f-]{36}$/), ipAddress: "192.0.2.1", clientInfo: "cli" },
        },
      },
      {
        eventType: "user.profile.updated",
        payload: {
          case: "profileUpdated",
          value: {
            updatedFields: ["avatar_url"],
            oldValues: { avatar_url: "" },
            newValues: { avatar_url: update.avatarUrl },
          },
        },
      },
    ]);
  });

  test("user.guest.created, user.login, user.upgraded", async () => {
    const guest = await app.auth.guestLogin({});
    const userId = guest.user?.id ?? "";
    const { sessionId } = await app.auth.validateToken({ accessToken: guest.accessToken });
    await app.auth.upgradeGuest({ userId, username: "brook", password: "a long one", sessionId });
    await until("all", () => users.length >= 3);
    expect(users.map(({ eventType }) => eventType)).toEqual(["user.guest.created", "user.login", "user.upgraded"]);
    expect(users[2]?.payload).toMatchObject({ case: "upgraded", value: { username: "brook" } });
  });

  test("a sign-in that fails tells nothing", async () => {
    const refused = app.auth.login({ username: "nobody", password: "a long one" }).catch((error: unknown) => error);
    expect(await refused).toMatchObject({ code: "AUTH_INVALID_CREDENTIALS" });
    await app.auth.register({ username: "river", password: "a long one" });
    await until("the next", () => users.length > 0);
    expect(users.map(({ eventType }) => eventType)).toEqual(["user.registered"]);
  });
});
