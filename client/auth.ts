import type { TokensJson as Tokens, UserJson as User } from "#proto/objects.ts";
import type { Clock } from "./clock.ts";
import { ClientError, codeOf } from "./errors.ts";
import type { Http } from "./http.ts";
import { uuidv7 } from "./ids.ts";
import { type KeyValueStorage, readJson, writeJson } from "./storage.ts";

/** A signed-in account on this device. */
export interface Session {
  readonly user: User;
  readonly accessToken: string;
  readonly refreshToken: string;
  /** By this device's clock, Unix ms. */
  readonly expiresAtMs: number;
}

export interface AuthDeps {
  readonly http: Http;
  readonly clock: Clock;
  readonly storage: KeyValueStorage;
  /** What the list of sessions says of this device. */
  readonly device?: { readonly platform: string; readonly clientInfo?: string };
  /** Signed in, token renewed, or (undefined) signed out. */
  readonly onSession: (session: Session | undefined, why: "signed-in" | "renewed" | "signed-out" | "ended") => void;
}

/** Who is signed in here. Tokens live in the storage; a second page on the same storage shares them. */
export interface Auth {
  session(): Session | undefined;
  /** Makes an account and signs it in. */
  register(username: string, password: string): Promise<Session>;
  login(username: string, password: string): Promise<Session>;
  guest(): Promise<Session>;
  /** Forgets the session here at once; tells the server as far as it can be reached. */
  logout(): Promise<void>;
  /** An access token that is valid for a while; renews it before its end, one refresh at a time. `force` renews in any case.
   *  Rejects with SIGNED_OUT when there is no session or the server ended it. */
  accessToken(force?: boolean): Promise<string>;
  /** Takes over what another page wrote to the storage. */
  adopt(): void;
  /** The server ended the session (close code 4004). */
  ended(): void;
  /** The session goes on with these tokens, as the user that is in them. Throws BAD_ANSWER, SIGNED_OUT. */
  renewed(tokens: Tokens): Session;
  /** The account of the session changed. */
  changed(user: User): void;
  /** Forgets the session, of which the server was told. */
  signedOut(): void;
  readonly deviceId: string;
}

const sessionKey = "gochat.session";
const deviceKey = "gochat.device";
/** Renewed this long before its end. */
const renewBeforeMs = 60_000;
/** `setTimeout` cannot wait longer than 24.8 days; half a day is plenty. */
const renewTimerMaxMs = 43_200_000;

export function createAuth(deps: AuthDeps): Auth {
  const { http, clock, storage } = deps;
  const savedDevice = readJson(storage, deviceKey);
  const deviceId = typeof savedDevice === "string" ? savedDevice : uuidv7(clock.now());
  writeJson(storage, deviceKey, deviceId);
  let session = readSession(storage);
  let refreshing: Promise<string> | undefined;
  let cancelRenew: (() => void) | undefined;

  const plan = (): void => {
    cancelRenew?.();
    cancelRenew = undefined;
    if (session === undefined) return;
    const waitMs = Math.max(session.expiresAtMs - renewBeforeMs - clock.now(), 1_000);
    cancelRenew = clock.after(Math.min(waitMs, renewTimerMaxMs), () => {
      if (session !== undefined && session.expiresAtMs - clock.now() > renewBeforeMs) return plan();
      accessToken().catch(() => undefined); // The next request tries again and tells its caller.
    });
  };
  const set = (next: Session | undefined, why: "signed-in" | "renewed" | "signed-out" | "ended"): void => {
    session = next;
    writeJson(storage, sessionKey, next);
    plan();
    deps.onSession(next, why);
  };
  const adopt = (): void => {
    const saved = readSession(storage);
    if (saved?.accessToken === session?.accessToken) return;
    const renewed = saved !== undefined && saved.user.id === session?.user.id;
    session = saved;
    plan();
    deps.onSession(saved, renewed ? "renewed" : saved === undefined ? "signed-out" : "signed-in");
  };

  const refresh = async (): Promise<string> => {
    const before = session?.refreshToken;
    adopt(); // Another page may have renewed it already; a refresh token is good for one use.
    if (session === undefined) throw new ClientError("SIGNED_OUT");
    if (session.refreshToken !== before && session.expiresAtMs - clock.now() > renewBeforeMs)
      return session.accessToken;
    const used = session;
    try {
      const body = { refreshToken: used.refreshToken, deviceId };
      const tokens = (await http({ method: "POST", path: "/auth/refresh", body })) as Tokens;
      if (session?.refreshToken !== used.refreshToken) throw new ClientError("SIGNED_OUT"); // Signed out meanwhile.
      const next = toSession(tokens, used.user, clock.now());
      set(next, "renewed");
      return next.accessToken;
    } catch (error) {
      if (!(error instanceof ClientError) || (error.status !== 401 && error.status !== 423)) throw error;
      if (session?.refreshToken === used.refreshToken) set(undefined, "ended");
      throw new ClientError("SIGNED_OUT", { cause: error });
    }
  };
  const accessToken = async (force = false): Promise<string> => {
    if (session === undefined) throw new ClientError("SIGNED_OUT");
    const leftMs = session.expiresAtMs - clock.now();
    if (!force && leftMs > renewBeforeMs) return session.accessToken;
    refreshing ??= refresh().finally(() => {
      refreshing = undefined;
    });
    const token = session.accessToken;
    return refreshing.catch((error: unknown) => {
      // Away, but the token still has some seconds: better than nothing.
      if (!force && codeOf(error) !== "SIGNED_OUT" && leftMs > 0) return token;
      throw error;
    });
  };
  const signIn = async (path: string, body: object): Promise<Session> => {
    const tokens = (await http({ method: "POST", path, body: { ...body, ...deps.device, deviceId } })) as Tokens;
    if (tokens.user === undefined) throw new ClientError("BAD_ANSWER");
    const next = toSession(tokens, tokens.user, clock.now());
    set(next, "signed-in");
    return next;
  };
  plan();

  return {
    deviceId,
    session: () => session,
    register: async (username, password) => {
      await http({ method: "POST", path: "/auth/register", body: { username, password } });
      return signIn("/auth/login", { username, password });
    },
    login: (username, password) => signIn("/auth/login", { username, password }),
    guest: () => signIn("/auth/guest", {}),
    logout: async () => {
      const old = session;
      if (old === undefined) return;
      set(undefined, "signed-out");
      const body = { refreshToken: old.refreshToken };
      await http({ method: "POST", path: "/auth/logout", body, token: old.accessToken }).catch(() => undefined);
    },
    accessToken,
    adopt,
    ended: () => {
      if (session !== undefined) set(undefined, "ended");
    },
    renewed: (tokens) => {
      if (session === undefined) throw new ClientError("SIGNED_OUT");
      if (tokens.user === undefined) throw new ClientError("BAD_ANSWER");
      const next = toSession(tokens, tokens.user, clock.now());
      set(next, "renewed");
      return next;
    },
    changed: (user) => {
      if (session?.user.id === user.id) set({ ...session, user }, "renewed");
    },
    signedOut: () => {
      if (session !== undefined) set(undefined, "signed-out");
    },
  };
}

/** The life time is taken from the token itself (`exp` − `iat`), so that a wrong clock of this device does no harm. */
function toSession(tokens: Tokens, user: User, nowMs: number): Session {
  const claims = claimsOf(tokens.accessToken);
  const lifeMs = claims === undefined ? tokens.expiresIn * 1_000 - nowMs : (claims.exp - claims.iat) * 1_000;
  return { user, accessToken: tokens.accessToken, refreshToken: tokens.refreshToken, expiresAtMs: nowMs + lifeMs };
}

function claimsOf(token: string): { exp: number; iat: number } | undefined {
  try {
    const part = (token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
    const claims = JSON.parse(atob(part)) as { exp?: unknown; iat?: unknown };
    return typeof claims.exp === "number" && typeof claims.iat === "number"
      ? { exp: claims.exp, iat: claims.iat }
      : undefined;
  } catch {
    return undefined;
  }
}

function readSession(storage: KeyValueStorage): Session | undefined {
  const saved = readJson(storage, sessionKey) as Partial<Session> | undefined;
  if (typeof saved !== "object" || saved === null) return undefined;
  const { user, accessToken, refreshToken, expiresAtMs } = saved;
  if (typeof accessToken !== "string" || typeof refreshToken !== "string" || typeof expiresAtMs !== "number")
    return undefined;
  return typeof user?.id === "string" ? { user, accessToken, refreshToken, expiresAtMs } : undefined;
}
