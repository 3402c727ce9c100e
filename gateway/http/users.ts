import { z } from "zod";
import { AppError } from "#proto/errors.ts";
import type { User } from "#proto/gen/gochat/common/v1/user_pb.ts";
import { AVATAR_URL_CHARS_MAX, isId, QUERY_CHARS_MAX } from "#proto/limits.ts";
import type { UserJson } from "#proto/objects.ts";
import { filledText, id, seconds, text } from "#proto/schemas/fields.ts";
import { user } from "#proto/schemas/objects.ts";
import { type ApiCall, type ApiDeps, callerOptions } from "./context.ts";
import { type Endpoints, endpoint, ok } from "./endpoint.ts";
import type { Handlers } from "./mount.ts";
import { userToJson } from "./objects.ts";
import { wholeNumberOr } from "./validate.ts";

const searchMax = 20;
const searchDefault = 10;

const onlineMax = 100;
/** What an id is, but for the last tenth of them, which a pattern cannot cut off: none of those is made before 2077. */
const anId = "(?:[1-8][0-9]{18}|[1-9][0-9]{0,17})";
const ids = z
  .string()
  .transform((list) => list.split(","))
  .refine((list) => list.length <= onlineMax && list.every(isId), `is not a list of at most ${onlineMax} ids`)
  .meta({ pattern: `^${anId}(?:,${anId}){0,${onlineMax - 1}}$` })
  .describe("Comma-separated");

const ownProfile = endpoint({
  method: "get",
  path: "/users/profile",
  summary: "The caller's own profile",
  auth: "user",
  answers: { 200: user },
});

/** `/users` (spec 10 §4). */
export const userEndpoints = {
  getProfile: ownProfile,
  getInfo: endpoint({ ...ownProfile, path: "/users/info", summary: "The same as /users/profile" }),
  updateProfile: endpoint({
    method: "put",
    path: "/users/profile",
    summary: "Change the caller's profile",
    auth: "registered",
    body: z.object({
      avatarUrl: text(AVATAR_URL_CHARS_MAX)
        .refine((url) => url === "" || /^(?:https?:\/\/|\/api\/files\/)/.test(url), "is not an http(s) URL")
        .meta({ maxLength: AVATAR_URL_CHARS_MAX, pattern: "^$|^https?://|^/api/files/" })
        .optional(),
    }),
    answers: { 200: user },
  }),
  searchUsers: endpoint({
    method: "get",
    path: "/users/search",
    summary: "Find accounts by name",
    description: "Exact match first, then names that begin with `q`, then names that contain it.",
    auth: "registered",
    limit: "search",
    query: z.object({ q: filledText(QUERY_CHARS_MAX), limit: wholeNumberOr(searchDefault, 1, searchMax) }),
    answers: { 200: z.object({ users: z.array(user) }) },
  }),
  listOnline: endpoint({
    method: "get",
    path: "/users/online",
    summary: "Who is online",
    description: "Told of friends and of members of a shared group; everybody else is reported offline.",
    auth: "registered",
    query: z.object({ ids }),
    answers: {
      200: z.object({
        statuses: z.array(z.object({ userId: id, isOnline: z.boolean(), lastSeen: seconds.exactOptional() })),
      }),
    },
  }),
  getUser: endpoint({
    method: "get",
    path: "/users/{userId}",
    summary: "What everybody may know of an account",
    auth: "user",
    answers: { 200: user },
  }),
} satisfies Endpoints;

export function userHandlers(deps: ApiDeps): Handlers<typeof userEndpoints> {
  const { user, friend } = deps.logic;

  async function profile(c: ApiCall, targetId: string): Promise<UserJson> {
    const { userId } = c.identity;
    const answer = await user.getProfile({ userId, targetId }, callerOptions(c, deps));
    return required(answer.user);
  }

  return {
    getProfile: async (c) => ok(await profile(c, "")),
    getInfo: async (c) => ok(await profile(c, "")),
    getUser: async (c, { params }) => ok(await profile(c, params.userId)),

    async updateProfile(c, { body: { avatarUrl } }) {
      // Nothing to change is the present profile, not an update with an empty mask, which would mean every field.
      if (avatarUrl === undefined) return ok(await profile(c, ""));
      const { userId } = c.identity;
      const request = { userId, avatarUrl, updateMask: ["avatar_url"] };
      const answer = await user.updateProfile(request, callerOptions(c, deps));
      return ok(required(answer.user), "Updated");
    },

    async searchUsers(c, { query: { q, limit } }) {
      const { userId } = c.identity;
      const { users } = await friend.searchUsers({ userId, query: q, limit }, callerOptions(c, deps));
      return ok({ users: users.map(userToJson) });
    },

    async listOnline(c, { query: { ids } }) {
      const { userId } = c.identity;
      const { statuses } = await user.getOnlineStatuses({ userId, targetIds: ids }, callerOptions(c, deps));
      return ok({
        statuses: statuses.map(({ userId, isOnline, lastSeen }) => ({
          userId,
          isOnline,
          ...(lastSeen === 0n ? {} : { lastSeen: Number(lastSeen) }),
        })),
      });
    },
  };
}

function required(user: User | undefined): UserJson {
  if (user === undefined) throw new AppError("USER_NOT_FOUND");
  return userToJson(user);
}
