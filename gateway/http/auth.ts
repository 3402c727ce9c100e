import { z } from "zod";
import {
  AVATAR_URL_CHARS_MAX,
  CLIENT_INFO_CHARS_MAX,
  DEVICE_ID_CHARS_MAX,
  PASSWORD_CHARS_MAX,
  PASSWORD_CHARS_MIN,
  TOKEN_CHARS_MAX,
  USERNAME_CHARS_MAX,
  USERNAME_CHARS_MIN,
} from "#proto/limits.ts";
import { text } from "#proto/schemas/fields.ts";
import { tokens, user } from "#proto/schemas/objects.ts";
import { callOptions } from "../clients.ts";
import { type ApiCall, type ApiDeps, callerOptions } from "./context.ts";
import { aliased, created, done, type Endpoints, endpoint, ok } from "./endpoint.ts";
import type { Handlers } from "./mount.ts";
import { tokensToJson, userToJson } from "./objects.ts";

/** Names and passwords have rules of their own, which logic answers by INVALID_USERNAME and WEAK_PASSWORD; here only
 *  what no name can be is refused. */
const nameText = text(256).meta({ maxLength: 256 });
export const newName = nameText.meta({ minLength: USERNAME_CHARS_MIN, maxLength: USERNAME_CHARS_MAX });
export const passwordText = text(1024).meta({ maxLength: 1024, format: "password" });
export const newPassword = passwordText.meta({ minLength: PASSWORD_CHARS_MIN, maxLength: PASSWORD_CHARS_MAX });
const clientInfo = text(CLIENT_INFO_CHARS_MAX).optional();
const deviceId = text(DEVICE_ID_CHARS_MAX).optional();
const platform = text(16).optional();

/** `/auth` (spec 10 §3). */
export const authEndpoints = {
  register: endpoint({
    method: "post",
    path: "/auth/register",
    summary: "Make an account",
    description: "Signs nobody in: sign in afterwards.",
    auth: "none",
    limit: "user_login_attempt",
    body: z.object({ username: newName, password: newPassword, avatarUrl: text(AVATAR_URL_CHARS_MAX).optional() }),
    answers: { 201: z.object({ user: user.exactOptional() }) },
    errors: ["USER_ALREADY_EXISTS", "INVALID_USERNAME", "WEAK_PASSWORD"],
  }),
  login: endpoint({
    method: "post",
    path: "/auth/login",
    summary: "Sign in",
    auth: "none",
    limit: "user_login_attempt",
    body: z.object({ username: nameText, password: passwordText, clientInfo, deviceId, platform }),
    answers: { 200: tokens },
    errors: ["AUTH_INVALID_CREDENTIALS", "USER_DISABLED", "LOGIN_LOCKED"],
  }),
  loginAsGuest: endpoint({
    method: "post",
    path: "/auth/guest",
    summary: "Sign in as a new guest",
    auth: "none",
    limit: "user_login_attempt",
    body: z.object({ clientInfo, deviceId, platform }),
    answers: { 201: tokens },
    errors: ["GUEST_DISABLED"],
  }),
  refreshToken: endpoint({
    method: "post",
    path: "/auth/refresh",
    summary: "Exchange a refresh token",
    description: "The old token is replaced. The same device may ask again within 30 s and gets the same successor.",
    auth: "none",
    body: aliased(z.object({ refreshToken: text(TOKEN_CHARS_MAX), deviceId }), { refresh_token: "refreshToken" }),
    answers: { 200: tokens },
    errors: ["INVALID_TOKEN", "TOKEN_EXPIRED", "TOKEN_REUSED", "USER_DISABLED"],
  }),
  logout: endpoint({
    method: "post",
    path: "/auth/logout",
    summary: "Sign out",
    description: "Ends the session, or all of them; their sockets are closed with 4004.",
    auth: "user",
    body: z.object({ refreshToken: text(TOKEN_CHARS_MAX).optional(), allDevices: z.boolean().optional() }),
    answers: { 200: null },
  }),
} satisfies Endpoints;

/** What a sign-out ends in this process at once; other gateways learn it from logic's record. */
export interface SignOut {
  signedOut(token: string, sid: string): void;
  /** The same for a session whose token is not known. */
  ended(sid: string): void;
}

export function authHandlers(deps: ApiDeps, signOut: SignOut): Handlers<typeof authEndpoints> {
  const { auth } = deps.logic;
  const options = (c: ApiCall): ReturnType<typeof callOptions> =>
    callOptions(deps.backendMs, c.traceId, undefined, c.traceparent);

  return {
    async register(c, { body: { username, password, avatarUrl = "" } }) {
      const { user } = await auth.register({ username, password, avatarUrl }, options(c));
      return created(user === undefined ? {} : { user: userToJson(user) }, "Registered");
    },

    async login(c, { body: { username, password, clientInfo = "", deviceId = "", platform = "" } }) {
      const request = { username, password, clientInfo, deviceId, platform, ip: c.address };
      return ok(tokensToJson(await auth.login(request, options(c))), "Signed in");
    },

    async loginAsGuest(c, { body: { clientInfo = "", deviceId = "", platform = "" } }) {
      const request = { clientInfo, deviceId, platform, ip: c.address };
      return created(tokensToJson(await auth.guestLogin(request, options(c))), "Signed in as guest");
    },

    async refreshToken(c, { body: { refreshToken, deviceId = "" } }) {
      return ok(tokensToJson(await auth.refreshToken({ refreshToken, deviceId }, options(c))), "Refreshed");
    },

    async logout(c, { body: { refreshToken = "", allDevices = false } }) {
      const { userId, sid } = c.identity;
      const accessToken = c.token;
      const request = { userId, sessionId: sid, accessToken, refreshToken, allDevices };
      await auth.logout(request, callerOptions(c, deps));
      signOut.signedOut(accessToken, sid);
      return done("Signed out");
    },
  };
}
