import { z } from "zod";
import type { LoginSession } from "#proto/gen/gochat/logic/v1/auth_service_pb.ts";
import type { LoginSessionJson } from "#proto/objects.ts";
import { loginSession, tokens } from "#proto/schemas/objects.ts";
import { newName, newPassword, passwordText, type SignOut } from "./auth.ts";
import { type ApiDeps, callerOptions } from "./context.ts";
import { done, type Endpoints, endpoint, ok } from "./endpoint.ts";
import type { Handlers } from "./mount.ts";
import { tokensToJson } from "./objects.ts";

/** The part of `/auth` behind a token: what somebody does with the own account (spec 10 §3). */
export const accountEndpoints = {
  upgradeGuest: endpoint({
    method: "post",
    path: "/auth/upgrade",
    summary: "Make the guest's account a registered one",
    description:
      "Same user id and session. The socket goes on as the account's after `refresh-auth` with the new token.",
    auth: "user",
    limit: "user_login_attempt",
    body: z.object({ username: newName, password: newPassword }),
    answers: { 200: tokens },
    errors: ["NOT_GUEST", "USER_ALREADY_EXISTS", "INVALID_USERNAME", "WEAK_PASSWORD"],
  }),
  changePassword: endpoint({
    method: "put",
    path: "/auth/password",
    summary: "Change the password",
    description: "Ends every other session of the account.",
    auth: "registered",
    limit: "user_login_attempt",
    body: z.object({ oldPassword: passwordText, newPassword }),
    answers: { 200: null },
    errors: ["AUTH_INVALID_CREDENTIALS", "WEAK_PASSWORD"],
  }),
  listSessions: endpoint({
    method: "get",
    path: "/auth/sessions",
    summary: "Where the account is signed in",
    auth: "user",
    answers: { 200: z.object({ sessions: z.array(loginSession) }) },
  }),
  endSession: endpoint({
    method: "delete",
    path: "/auth/sessions/{sessionId}",
    summary: "Sign a device out",
    description: "Its tokens are refused from now on, its socket is closed with 4004.",
    auth: "user",
    answers: { 200: null },
  }),
} satisfies Endpoints;

export function accountHandlers(deps: ApiDeps, signOut: SignOut): Handlers<typeof accountEndpoints> {
  const { auth } = deps.logic;

  return {
    async upgradeGuest(c, { body: { username, password } }) {
      const { userId, sid } = c.identity;
      const request = { userId, sessionId: sid, username, password };
      return ok(tokensToJson(await auth.upgradeGuest(request, callerOptions(c, deps))), "Upgraded");
    },

    async changePassword(c, { body: { oldPassword, newPassword } }) {
      const { userId, sid } = c.identity;
      await auth.changePassword({ userId, sessionId: sid, oldPassword, newPassword }, callerOptions(c, deps));
      return done("Changed");
    },

    async listSessions(c) {
      const { userId, sid } = c.identity;
      const { sessions } = await auth.listSessions({ userId }, callerOptions(c, deps));
      return ok({ sessions: sessions.map((session) => sessionToJson(session, sid)) });
    },

    async endSession(c, { params: { sessionId } }) {
      const { userId } = c.identity;
      await auth.revokeSessions({ userId, sessionIds: [sessionId], reason: "signed out" }, callerOptions(c, deps));
      signOut.ended(sessionId);
      return done("Signed out");
    },
  };
}

function sessionToJson(session: LoginSession, currentSid: string): LoginSessionJson {
  const { sessionId, deviceId, platform, ip, clientInfo, createdAt, lastSeen, online } = session;
  return {
    sessionId,
    ...(deviceId === "" ? {} : { deviceId }),
    ...(platform === "" ? {} : { platform }),
    ...(ip === "" ? {} : { ip }),
    ...(clientInfo === "" ? {} : { clientInfo }),
    createdAt: Number(createdAt),
    lastSeen: Number(lastSeen),
    current: sessionId === currentSid,
    online,
  };
}
