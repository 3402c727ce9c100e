import { describe, expect, test } from "bun:test";
import { createAuth } from "./auth.ts";
import { createManualClock } from "./clock.ts";
import { ClientError } from "./errors.ts";
import type { HttpRequest } from "./http.ts";
import { createMemoryStorage } from "./storage.ts";

const user = { id: "7", username: "ann", isGuest: false, createdAt: 1 };
const b64 = (value: object) => btoa(JSON.stringify(value)).replaceAll("=", "");
/** A token whose own clock is a day off, valid for an hour. */
const jwt = (n: number) => `${b64({ alg: "none" })}.${b64({ iat: 1_000 + n, exp: 4_600 + n })}.s${n}`;

function setup(storage = createMemoryStorage()) {
  const clock = createManualClock();
  const requests: HttpRequest[] = [];
  const whys: string[] = [];
  const server: { fail: ClientError | undefined; issued: number } = { fail: undefined, issued: 0 };
  const auth = createAuth({
    clock,
    storage,
    onSession: (_session, why) => whys.push(why),
    http: async (request) => {
      requests.push(request);
      if (server.fail !== undefined) throw server.fail;
      const n = ++server.issued;
      return {
        accessToken: jwt(n),
        refreshToken: `r${n}`,
        expiresIn: 1,
        ...(request.path === "/auth/refresh" ? {} : { user }),
      };
    },
  });
  return { auth, clock, requests, whys, server, storage };
}

describe("tokens", () => {
  test("are renewed a minute before their end, by the token's own life time and not by this device's clock", async () => {
    const { auth, clock, requests } = setup();
    await auth.guest();
    clock.advance(3_539_000);
    expect(requests.map((r) => r.path)).toEqual(["/auth/guest"]);
    clock.advance(2_000);
    await auth.accessToken();
    expect(requests.map((r) => r.path)).toEqual(["/auth/guest", "/auth/refresh"]);
  });

  test("one refresh at a time, whoever asks", async () => {
    const { auth, requests } = setup();
    await auth.login("ann", "secret-1");
    const tokens = await Promise.all([auth.accessToken(true), auth.accessToken(true), auth.accessToken(true)]);
    expect(new Set(tokens).size).toBe(1);
    expect(requests.filter((r) => r.path === "/auth/refresh").length).toBe(1);
    expect(requests.at(-1)?.body).toMatchObject({ refreshToken: "r1" });
  });

  test("a second page on the same storage takes over the renewed token instead of using the old one again", async () => {
    const one = setup();
    await one.auth.login("ann", "secret-1");
    const two = setup(one.storage);
    await one.auth.accessToken(true);
    const token = await two.auth.accessToken(true);
    expect(token).toBe(jwt(2));
    expect(two.requests).toEqual([]);
  });

  test("a refused refresh ends the session; an unreachable server does not", async () => {
    const { auth, clock, server, whys } = setup();
    await auth.login("ann", "secret-1");
    server.fail = new ClientError("NETWORK_ERROR");
    clock.advance(3_590_000);
    expect(await auth.accessToken()).toBe(jwt(1));
    expect(auth.session()).toBeDefined();
    server.fail = new ClientError("TOKEN_REUSED", { status: 401 });
    expect(auth.accessToken(true)).rejects.toMatchObject({ code: "SIGNED_OUT" });
    await Promise.resolve();
    await auth.accessToken(true).catch(() => undefined);
    expect(auth.session()).toBeUndefined();
    expect(whys.at(-1)).toBe("ended");
  });

  test("logout forgets at once, and again after a restart", async () => {
    const { auth, server, storage } = setup();
    await auth.guest();
    server.fail = new ClientError("NETWORK_ERROR");
    await auth.logout();
    expect(setup(storage).auth.session()).toBeUndefined();
    expect(auth.accessToken()).rejects.toMatchObject({ code: "SIGNED_OUT" });
  });
});
