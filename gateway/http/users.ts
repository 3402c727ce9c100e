import { Hono } from "hono";
import { z } from "zod";
import { AppError } from "#proto/errors.ts";
import type { User } from "#proto/gen/gochat/common/v1/user_pb.ts";
import { AVATAR_URL_CHARS_MAX, isId, QUERY_CHARS_MAX } from "#proto/limits.ts";
import type { UserJson } from "#proto/objects.ts";
import { type ApiContext, type ApiDeps, type ApiEnv, callerOptions } from "./context.ts";
import type { Guard } from "./guard.ts";
import { userToJson } from "./objects.ts";
import { ok } from "./respond.ts";
import { bodyOf, filledText, queryOf, text, wholeNumber } from "./validate.ts";

const searchMax = 20;
const searchDefault = 10;

const profileBody = z.object({
  avatarUrl: text(AVATAR_URL_CHARS_MAX)
    .refine((url) => url === "" || /^(?:https?:\/\/|\/api\/files\/)/.test(url), "is not an http(s) URL")
    .optional(),
});
const searchQuery = z.object({ q: filledText(QUERY_CHARS_MAX), limit: wholeNumber(1, searchMax).optional() });

/** `/users` (spec 10 §4). */
export function userRoutes(deps: ApiDeps, guard: Guard): Hono<ApiEnv> {
  const { user, friend } = deps.logic;
  const routes = new Hono<ApiEnv>();

  async function ownProfile(c: ApiContext): Promise<Response> {
    const { userId } = c.get("identity");
    const answer = await user.getProfile({ userId, targetId: "" }, callerOptions(c, deps));
    return ok(c, required(answer.user));
  }
  routes.get("/profile", guard.signedIn, ownProfile);
  routes.get("/info", guard.signedIn, ownProfile);

  routes.put("/profile", guard.registered, async (c) => {
    const { avatarUrl } = await bodyOf(c, profileBody, deps.bodyBytesMax);
    const { userId } = c.get("identity");
    // Nothing to change is the present profile, not an update with an empty mask, which would mean every field.
    if (avatarUrl === undefined) return await ownProfile(c);
    const answer = await user.updateProfile({ userId, avatarUrl, updateMask: ["avatar_url"] }, callerOptions(c, deps));
    return ok(c, required(answer.user), 200, "Updated");
  });

  const searches = guard.entrance.limit("search", (c) => `user:${c.get("identity").userId}`);
  routes.get("/search", guard.registered, searches, async (c) => {
    const { q, limit } = queryOf(c, searchQuery);
    const { userId } = c.get("identity");
    const request = { userId, query: q, limit: limit ?? searchDefault };
    const { users } = await friend.searchUsers(request, callerOptions(c, deps));
    return ok(c, { users: users.map(userToJson) });
  });

  routes.get("/:userId", guard.signedIn, async (c) => {
    const targetId = c.req.param("userId");
    // Not digits: a name below /users that does not exist.
    if (!/^\d+$/.test(targetId)) throw new AppError("NOT_FOUND");
    if (!isId(targetId)) throw new AppError("USER_NOT_FOUND");
    const { userId } = c.get("identity");
    const answer = await user.getProfile({ userId, targetId }, callerOptions(c, deps));
    return ok(c, required(answer.user));
  });

  return routes;
}

function required(user: User | undefined): UserJson {
  if (user === undefined) throw new AppError("USER_NOT_FOUND");
  return userToJson(user);
}
