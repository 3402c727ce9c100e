import { newAccount } from "../../../support/api.ts";
import { type Case, call, done, during, inDatabase, type Rows, type Scene, underOneKey } from "./scene.ts";

const password = "correct horse";
type Credentials = (username: string, secret: string) => Case;

/** What a new name and a new password may not be. */
const names = (ask: Credentials): Rows[string] => ({
  cases: {
    USER_ALREADY_EXISTS: (scene) => ask(scene.ann.username.toUpperCase(), password)(scene),
    INVALID_USERNAME: ask("a b", password),
    WEAK_PASSWORD: ask("somebody_new", "12345"),
  },
});

const login = (scene: Scene, username: string, secret: string) =>
  call(scene, undefined, "POST", "/auth/login", { username, password: secret });
const refresh = (scene: Scene, refreshToken: string, deviceId?: string) =>
  call(scene, undefined, "POST", "/auth/refresh", { refreshToken, deviceId });
const upgrade: Credentials = (username, secret) => (scene) =>
  call(scene, scene.guest, "POST", "/auth/upgrade", { username, password: secret });

const world = (settings: object): string =>
  `UPDATE conversations SET settings = '${JSON.stringify(settings)}' WHERE id = 'world'`;

/** `ask` while the world takes no guests. */
export async function withoutGuests(scene: Scene, ask: () => ReturnType<Case>): ReturnType<Case> {
  await inDatabase(scene, world({ world_settings: { guest_allowed: false } }));
  return await during(() => inDatabase(scene, world({})), ask);
}

async function disabled(scene: Scene): ReturnType<typeof newAccount> {
  const user = await newAccount(scene.town.api);
  await inDatabase(scene, `UPDATE users SET status = 1 WHERE id = ${user.userId}`);
  return user;
}

const dayMs = 86_400_000;

export const accountRows: Rows = {
  register: names(
    (username, secret) => (scene) => call(scene, undefined, "POST", "/auth/register", { username, password: secret }),
  ),
  login: {
    cases: {
      AUTH_INVALID_CREDENTIALS: (scene) => login(scene, scene.ann.username, "wrong"),
      USER_DISABLED: async (scene) => await login(scene, (await disabled(scene)).username, password),
      LOGIN_LOCKED: async (scene) => {
        const { username } = await newAccount(scene.town.api);
        for (let failures = 0; failures < 5; failures += 1) await login(scene, username, "wrong");
        return await login(scene, username, password);
      },
    },
  },
  loginAsGuest: {
    cases: {
      GUEST_DISABLED: (scene) => withoutGuests(scene, () => call(scene, undefined, "POST", "/auth/guest")),
    },
  },
  refreshToken: {
    cases: {
      INVALID_TOKEN: (scene) => refresh(scene, scene.ann.accessToken),
      TOKEN_EXPIRED: (scene) => {
        scene.town.advanceLogic(31 * dayMs);
        return during(
          async () => scene.town.advanceLogic(-31 * dayMs),
          () => refresh(scene, scene.ann.refreshToken),
        );
      },
      TOKEN_REUSED: async (scene) => {
        const { refreshToken } = await newAccount(scene.town.api);
        await refresh(scene, refreshToken);
        return await refresh(scene, refreshToken, "another device");
      },
      USER_DISABLED: async (scene) => await refresh(scene, (await disabled(scene)).refreshToken),
    },
  },
  upgradeGuest: {
    cases: {
      ...names(upgrade).cases,
      NOT_GUEST: (scene) => call(scene, scene.ann, "POST", "/auth/upgrade", { username: "somebody_else", password }),
    },
  },
  changePassword: {
    cases: {
      AUTH_INVALID_CREDENTIALS: (scene) =>
        call(scene, scene.ann, "PUT", "/auth/password", { oldPassword: "wrong", newPassword: password }),
      WEAK_PASSWORD: (scene) =>
        call(scene, scene.ann, "PUT", "/auth/password", { oldPassword: password, newPassword: "12345" }),
    },
  },
  sendFriendRequest: friendRequests(),
  handleFriendRequest: {
    cases: {
      FRIEND_REQUEST_ALREADY_HANDLED: async (scene) => {
        const [from, to] = [await newAccount(scene.town.api), await newAccount(scene.town.api)];
        const asked = await done<{ request: { id: string } }>(scene, from, "POST", "/friends/requests", {
          targetUserId: to.userId,
        });
        const path = `/friends/requests/${asked.request.id}`;
        await done(scene, to, "PUT", path, { action: "accept" });
        return await call(scene, to, "PUT", path, { action: "accept" });
      },
    },
  },
  removeFriend: {
    cases: { NOT_FRIENDS: (scene) => call(scene, scene.ann, "DELETE", `/friends/${scene.eve.userId}`) },
  },
  setRemark: {
    cases: {
      NOT_FRIENDS: (scene) => call(scene, scene.ann, "PUT", `/friends/${scene.eve.userId}/remark`, { remark: "x" }),
    },
  },
  blockUser: {
    cases: { INVALID_PARAMETER: (scene) => call(scene, scene.ann, "PUT", `/blocks/${scene.ann.userId}`) },
  },
  unblockUser: {
    cases: { INVALID_PARAMETER: (scene) => call(scene, scene.ann, "DELETE", `/blocks/${scene.ann.userId}`) },
  },
};

function friendRequests(): Rows[string] {
  const befriend = (scene: Scene, by: Scene["ann"], targetUserId: string, fields = {}) =>
    call(scene, by, "POST", "/friends/requests", { targetUserId, ...fields });
  return {
    cases: {
      IDEMPOTENCY_CONFLICT: async (scene) => {
        const { userId } = await newAccount(scene.town.api);
        const bodies = [{ targetUserId: userId }, { targetUserId: userId, message: "hello" }] as const;
        return await underOneKey(scene, scene.ann, "/friends/requests", bodies);
      },
      CANNOT_ADD_SELF_AS_FRIEND: (scene) => befriend(scene, scene.ann, scene.ann.userId),
      GUEST_FORBIDDEN: (scene) => befriend(scene, scene.ann, scene.guest.userId),
      USER_NOT_FOUND: (scene) => befriend(scene, scene.ann, "999"),
      BLOCKED_BY_USER: async (scene) => {
        const user = await newAccount(scene.town.api);
        await done(scene, user, "PUT", `/blocks/${scene.ann.userId}`);
        return await befriend(scene, scene.ann, user.userId);
      },
      FRIEND_REQUEST_ALREADY_EXISTS: async (scene) => {
        const user = await newAccount(scene.town.api);
        await befriend(scene, user, scene.ann.userId);
        return await befriend(scene, user, scene.ann.userId);
      },
      ALREADY_FRIENDS: async (scene) => {
        const user = await newAccount(scene.town.api);
        await befriend(scene, user, scene.ann.userId);
        await befriend(scene, scene.ann, user.userId);
        return await befriend(scene, user, scene.ann.userId);
      },
    },
  };
}
