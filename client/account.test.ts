import { expect, test } from "bun:test";
import { createAccount } from "./account.ts";
import { createAuth } from "./auth.ts";
import { createManualClock } from "./clock.ts";
import { ClientError, codeOf } from "./errors.ts";
import type { HttpRequest } from "./http.ts";
import { createMemoryStorage } from "./storage.ts";

const guest = { id: "7", username: "guest_1", isGuest: true, createdAt: 1 };
const ann = { id: "7", username: "ann", isGuest: false, createdAt: 1 };
const b64 = (value: object) => btoa(JSON.stringify(value)).replaceAll("=", "");
const tokens = (n: number, user: object) => ({
  accessToken: `${b64({})}.${b64({ iat: n, exp: n + 3_600 })}.s`,
  refreshToken: `r${n}`,
  expiresIn: 1,
  user,
});

async function setup() {
  const said: string[] = [];
  const requests: HttpRequest[] = [];
  const server = { fail: undefined as ClientError | undefined, during: () => undefined as unknown };
  const auth = createAuth({
    clock: createManualClock(),
    storage: createMemoryStorage(),
    device: { platform: "web", clientInfo: "Firefox on Linux" },
    onSession: (session, why) => said.push(`${why} ${session?.user.username}`),
    http: async (request) => {
      requests.push(request);
      return tokens(1, guest);
    },
  });
  await auth.guest();
  const account = createAccount({
    auth,
    socket: { connect: () => said.push("connect"), disconnect: () => said.push("disconnect") },
    call: async (request) => {
      requests.push(request);
      server.during();
      if (server.fail !== undefined) throw server.fail;
      if (request.path === "/auth/upgrade") return tokens(2, ann);
      return { ...ann, avatarUrl: "https://example.org/a.png" };
    },
  });
  return { account, auth, said, requests, server };
}

test("signing in tells what the list of sessions shows of this device", async () => {
  const { requests } = await setup();
  expect(requests[0]?.body).toMatchObject({ platform: "web", clientInfo: "Firefox on Linux" });
});

test("10 §3: an upgraded guest goes on with the new tokens as an account; a changed profile shows", async () => {
  const { account, auth, said } = await setup();
  expect((await account.upgrade("ann", "correct horse")).isGuest).toBe(false);
  expect(auth.session()).toMatchObject({ refreshToken: "r2", user: ann });
  await account.updateProfile({ avatarUrl: "https://example.org/a.png" });
  expect(auth.session()?.user.avatarUrl).toBe("https://example.org/a.png");
  expect(said).toEqual(["signed-in guest_1", "renewed ann", "renewed ann"]);
});

test("signing out everywhere: the socket goes first, so that its 4004 is no surprise; a refusal changes nothing", async () => {
  const { account, auth, said, server, requests } = await setup();
  server.fail = new ClientError("NETWORK_ERROR");
  expect(await account.logoutEverywhere().catch(codeOf)).toBe("NETWORK_ERROR");
  expect(auth.session()).toBeDefined();
  server.fail = undefined;
  await account.logoutEverywhere();
  expect(auth.session()).toBeUndefined();
  expect(requests.at(-1)?.body).toEqual({ refreshToken: "r1", allDevices: true });
  expect(said).toEqual(["signed-in guest_1", "disconnect", "connect", "disconnect", "signed-out undefined"]);
});

test("tokens that come after the sign-out are not taken", async () => {
  const { account, auth, server } = await setup();
  server.during = auth.signedOut;
  expect(await account.upgrade("ann", "correct horse").catch(codeOf)).toBe("SIGNED_OUT");
  expect(auth.session()).toBeUndefined();
});
