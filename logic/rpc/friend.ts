import type { Client, ServiceImpl } from "@connectrpc/connect";
import { AppError } from "#proto/errors.ts";
import type { FriendService } from "#proto/gen/gochat/logic/v1/friend_service_pb.ts";
import type { UserService } from "#proto/gen/gochat/repo/v1/user_service_pb.ts";
import { QUERY_CHARS_MAX, textFault } from "#proto/limits.ts";
import { invalid, requireUserId } from "./arguments.ts";

export interface FriendDeps {
  readonly repo: { readonly user: Pick<Client<typeof UserService>, "getUser" | "searchUsersByUsername"> };
}

const foundDefault = 10;
const foundMax = 20;

/** gochat.logic.v1.FriendService: so far the search for people. Errors: GUEST_FORBIDDEN, INVALID_PARAMETER. */
export function friendService({ repo }: FriendDeps): Partial<ServiceImpl<typeof FriendService>> {
  return {
    /** Exact match first, then prefix, then contains; the caller, guests, disabled accounts and who blocked the caller are not found. */
    async searchUsers({ userId, query, limit }) {
      requireUserId(userId);
      const wanted = query.trim();
      if (wanted === "" || textFault(wanted, QUERY_CHARS_MAX) !== undefined) throw invalid("query");
      if (limit < 0 || limit > foundMax) throw invalid("limit");
      const { user } = await repo.user.getUser({ userId });
      if (user?.isGuest !== false) throw new AppError("GUEST_FORBIDDEN");
      const request = {
        query: wanted,
        limit: limit === 0 ? foundDefault : limit,
        excludeIds: [userId],
        searcherId: userId,
      };
      const { users } = await repo.user.searchUsersByUsername(request);
      return { users };
    },
  };
}
