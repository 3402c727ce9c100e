import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { createBulkhead } from "#infra/breaker/bulkhead.ts";
import { AppError } from "#proto/errors.ts";
import { type User, UserSchema, UserStatus } from "#proto/gen/gochat/common/v1/user_pb.ts";
import type { UpdateUserRequest, UserService } from "#proto/gen/gochat/repo/v1/user_service_pb.ts";
import { IDS_MAX, isId, QUERY_CHARS_MAX, textFault } from "#proto/limits.ts";
import type { RepoContext } from "../context.ts";
import { joinWorld } from "../store/membership.ts";
import { createPasswords } from "../store/password.ts";
import { createUsers, type UserChange, type UserRow, type UserStore } from "../store/user.ts";
import { idOf, invalid } from "./arguments.ts";

/** Password checks at a time, and callers that may wait for one: at two cores the last waits for about 3 s, within the
 *  deadline of its call. */
const checksMax = 4;
const checksWaitingMax = 64;
const searchMax = 20;
const excludedMax = 1000;

/** The user store of this service; built once, its bound on password checks holds for the whole process. */
export function createUserStore(context: RepoContext): UserStore {
  return createUsers({
    ...context,
    passwords: createPasswords(createBulkhead({ runningMax: checksMax, waitingMax: checksWaitingMax })),
    joinWorld: (tx, userId, atMs) => joinWorld(context, tx, userId, atMs),
  });
}

/** gochat.repo.v1.UserService. Errors: INVALID_PARAMETER, USER_NOT_FOUND, USER_ALREADY_EXISTS, SERVICE_UNAVAILABLE. */
export function userService(
  context: RepoContext,
  users: UserStore = createUserStore(context),
): ServiceImpl<typeof UserService> {
  return {
    async createUser(request) {
      const { username, passwordHash, avatarUrl, isGuest } = request;
      if (isGuest) return { user: toUser(await users.createGuest()) };
      if (username === "" || passwordHash === "") throw invalid(username === "" ? "username" : "password_hash");
      return { user: toUser(await users.create({ username, passwordHash, avatarUrl })) };
    },

    async getUser({ userId }) {
      const { users: found, fromCache } = await users.getMany([idOf(userId, "user_id")]);
      const [user] = found;
      if (!user) throw new AppError("USER_NOT_FOUND");
      return { user: toUser(user), fromCache };
    },

    async getUsers({ userIds }) {
      if (userIds.length > IDS_MAX) throw invalid("user_ids");
      const found = await users.getMany(userIds.map((id) => idOf(id, "user_ids")));
      return { users: found.users.map(toUser), fromCache: found.fromCache };
    },

    async getUserByUsername({ username }) {
      const user = await users.getByUsername(username);
      if (!user) throw new AppError("USER_NOT_FOUND");
      return { user: toUser(user) };
    },

    async verifyPassword({ userId, password }) {
      // An id that cannot exist is checked too, so that the caller may ask for a name that nobody has.
      return { valid: await users.verifyPassword(isId(userId) ? BigInt(userId) : undefined, password) };
    },

    async updateUser(request) {
      return { user: toUser(await users.update(idOf(request.userId, "user_id"), changeOf(request))) };
    },

    async searchUsersByUsername({ query, limit, excludeIds, searcherId }) {
      if (query === "" || textFault(query, QUERY_CHARS_MAX) !== undefined) throw invalid("query");
      if (excludeIds.length > excludedMax) throw invalid("exclude_ids");
      const found = await users.search(query, {
        limit: limit < 1 ? searchMax : Math.min(limit, searchMax),
        excludeIds: excludeIds.map((id) => idOf(id, "exclude_ids")),
        searcher: searcherId === "" ? undefined : idOf(searcherId, "searcher_id"),
      });
      return { users: found.map(toUser) };
    },
  };
}

/** By the stored value. */
const statuses = [UserStatus.NORMAL, UserStatus.DISABLED, UserStatus.DELETED] as const;

export function toUser(row: UserRow): User {
  return create(UserSchema, {
    id: row.id.toString(),
    username: row.username,
    avatarUrl: row.avatarUrl ?? "",
    isGuest: row.isGuest,
    status: statuses[row.status] ?? UserStatus.UNSPECIFIED,
    createdAt: BigInt(Math.floor(row.createdAt / 1000)),
    updatedAt: BigInt(Math.floor(row.updatedAt / 1000)),
  });
}

/** Fields of the mask; with an empty mask those that are not empty. */
function changeOf(request: UpdateUserRequest): UserChange {
  const all = request.updateMask.length === 0;
  const has = (field: string, given: boolean): boolean => (all ? given : request.updateMask.includes(field));
  const { avatarUrl, status, passwordHash, username, isGuest } = request;
  return {
    ...(has("avatar_url", avatarUrl !== "") ? { avatarUrl: avatarUrl || null } : {}),
    ...(has("status", status !== 0) && status !== 0 ? { status: status - 1 } : {}),
    ...(has("password_hash", passwordHash !== "") && passwordHash !== "" ? { passwordHash } : {}),
    ...(has("username", username !== "") && username !== "" ? { username } : {}),
    ...(has("is_guest", isGuest) ? { isGuest } : {}),
  };
}
