import { Hono } from "hono";
import { z } from "zod";
import { AVATAR_URL_CHARS_MAX, CLIENT_INFO_CHARS_MAX, DEVICE_ID_CHARS_MAX, TOKEN_CHARS_MAX } from "#proto/limits.ts";
import { callOptions } from "../clients.ts";
import { type ApiDeps, type ApiEnv, callerOptions } from "./context.ts";
import type { Guard } from "./guard.ts";
import { tokensToJson, userToJson } from "./objects.ts";
import { ok } from "./respond.ts";
import { bodyOf, text } from "./validate.ts";

/** Names and passwords have rules of their own, which logic answers by INVALID_USERNAME and WEAK_PASSWORD; here only
 *  what no name can be is refused. */
const nameText = text(256);
const passwordText = text(1024);
const clientInfo = text(CLIENT_INFO_CHARS_MAX).optional();
const deviceId = text(DEVICE_ID_CHARS_MAX).optional();
const platform = text(16).optional();

const registerBody = z.object({
  username: nameText,
  password: passwordText,
  avatarUrl: text(AVATAR_URL_CHARS_MAX).optional(),
});
const loginBody = z.object({ username: nameText, password: passwordText, clientInfo, deviceId, platform });
const guestBody = z.object({ clientInfo, deviceId, platform });
const refreshBody = z
  .object({
    refreshToken: text(TOKEN_CHARS_MAX).optional(),
    refresh_token: text(TOKEN_CHARS_MAX).optional(),
    deviceId,
  })
  .transform(({ refreshToken, refresh_token, deviceId }) => ({ refreshToken: refreshToken ?? refresh_token, deviceId }))
  .refine(({ refreshToken }) => refreshToken !== undefined, { path: ["refreshToken"], message: "is required" });
const logoutBody = z.object({
  refreshToken: text(TOKEN_CHARS_MAX).optional(),
  allDevices: z.boolean().optional(),
});

/** What a sign-out ends in this process at once; other gateways learn it from logic's record. */
export interface SignOut {
  signedOut(token: string, sid: string): void;
}

/** `/auth` (spec 10 §3). */
export function authRoutes(deps: ApiDeps, guard: Guard, signOut: SignOut): Hono<ApiEnv> {
  const { auth } = deps.logic;
  const routes = new Hono<ApiEnv>();
  const attempts = guard.entrance.limit("user_login_attempt", (c) => `ip:${c.env.address}`);

  routes.post("/register", guard.anybody, attempts, async (c) => {
    const body = await bodyOf(c, registerBody, deps.bodyBytesMax);
    const { user } = await auth.register(
      { username: body.username, password: body.password, avatarUrl: body.avatarUrl ?? "" },
      callOptions(deps.backendMs, c.get("traceId"), undefined, c.get("traceparent")),
    );
    return ok(c, user === undefined ? {} : { user: userToJson(user) }, 201, "Registered");
  });

  routes.post("/login", guard.anybody, attempts, async (c) => {
    const body = await bodyOf(c, loginBody, deps.bodyBytesMax);
    const tokens = await auth.login(
      {
        username: body.username,
        password: body.password,
        clientInfo: body.clientInfo ?? "",
        deviceId: body.deviceId ?? "",
        platform: body.platform ?? "",
        ip: c.env.address,
      },
      callOptions(deps.backendMs, c.get("traceId"), undefined, c.get("traceparent")),
    );
    return ok(c, tokensToJson(tokens), 200, "Signed in");
  });

  routes.post("/guest", guard.anybody, attempts, async (c) => {
    const body = await bodyOf(c, guestBody, deps.bodyBytesMax);
    const tokens = await auth.guestLogin(
      {
        clientInfo: body.clientInfo ?? "",
        deviceId: body.deviceId ?? "",
        platform: body.platform ?? "",
        ip: c.env.address,
      },
      callOptions(deps.backendMs, c.get("traceId"), undefined, c.get("traceparent")),
    );
    return ok(c, tokensToJson(tokens), 201, "Signed in as guest");
  });

  routes.post("/refresh", guard.anybody, async (c) => {
    const body = await bodyOf(c, refreshBody, deps.bodyBytesMax);
    const tokens = await auth.refreshToken(
      { refreshToken: body.refreshToken ?? "", deviceId: body.deviceId ?? "" },
      callOptions(deps.backendMs, c.get("traceId"), undefined, c.get("traceparent")),
    );
    return ok(c, tokensToJson(tokens), 200, "Refreshed");
  });

  routes.post("/logout", guard.signedIn, async (c) => {
    const body = await bodyOf(c, logoutBody, deps.bodyBytesMax);
    const { userId, sid } = c.get("identity");
    await auth.logout(
      {
        userId,
        sessionId: sid,
        accessToken: c.get("token"),
        refreshToken: body.refreshToken ?? "",
        allDevices: body.allDevices ?? false,
      },
      callerOptions(c, deps),
    );
    signOut.signedOut(c.get("token"), sid);
    return ok(c, undefined, 200, "Signed out");
  });

  return routes;
}
