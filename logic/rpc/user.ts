import type { Client, ServiceImpl } from "@connectrpc/connect";
import { AppError } from "#proto/errors.ts";
import type { User } from "#proto/gen/gochat/common/v1/user_pb.ts";
import type { UserService } from "#proto/gen/gochat/logic/v1/user_service_pb.ts";
import type { FriendshipService } from "#proto/gen/gochat/repo/v1/friendship_service_pb.ts";
import type { OnlineStatusService } from "#proto/gen/gochat/repo/v1/online_status_service_pb.ts";
import type { UserService as RepoUserService } from "#proto/gen/gochat/repo/v1/user_service_pb.ts";
import type { AccountEvents } from "../account-events.ts";
import { checkAvatarUrl } from "../auth/request.ts";
import { invalid, requireUserId } from "./arguments.ts";

export interface UserDeps {
  readonly repo: {
    readonly user: Pick<Client<typeof RepoUserService>, "getUser" | "updateUser">;
    readonly friendship: Pick<Client<typeof FriendshipService>, "areFriends">;
    readonly onlineStatus: Pick<Client<typeof OnlineStatusService>, "getUsersOnlineStatus">;
  };
  readonly accountEvents: Pick<AccountEvents, "profileUpdated">;
}

const statusesMax = 100;

/** gochat.logic.v1.UserService. Errors: USER_NOT_FOUND, GUEST_FORBIDDEN, INVALID_PARAMETER. */
export function userService({ repo, accountEvents }: UserDeps): Partial<ServiceImpl<typeof UserService>> {
  async function find(userId: string, field: string): Promise<User> {
    requireUserId(userId, field);
    const { user } = await repo.user.getUser({ userId });
    if (!user) throw new AppError("USER_NOT_FOUND");
    return user;
  }

  return {
    async getProfile({ userId, targetId }) {
      return { user: targetId === "" ? await find(userId, "user_id") : await find(targetId, "target_id") };
    },

    async updateProfile({ userId, avatarUrl, updateMask }) {
      const user = await find(userId, "user_id");
      if (user.isGuest) throw new AppError("GUEST_FORBIDDEN");
      checkAvatarUrl(avatarUrl);
      // Other fields are not the user's to change, and an empty mask means all fields that are not empty.
      const isMeant = updateMask.length === 0 ? avatarUrl !== "" : updateMask.includes("avatar_url");
      if (!isMeant) return { user };
      const changed = await repo.user.updateUser({ userId, avatarUrl, updateMask: ["avatar_url"] });
      if (changed.user === undefined) return {};
      accountEvents.profileUpdated(user, changed.user);
      return { user: changed.user };
    },

    /** In the order of the first mention. Only friends and members of a shared group are told to be online, and nobody who
     *  blocked the caller. */
    async getOnlineStatuses({ userId, targetIds }) {
      if (targetIds.length > statusesMax) throw invalid("target_ids");
      for (const targetId of targetIds) requireUserId(targetId, "target_ids");
      const user = await find(userId, "user_id");
      if (user.isGuest) throw new AppError("GUEST_FORBIDDEN");
      const asked = [...new Set(targetIds)];
      const others = asked.filter((id) => id !== userId);
      const { relations } = await repo.friendship.areFriends({ userId, otherIds: others, includeGroups: true });
      const mayKnow = (id: string): boolean => {
        const relation = relations[id];
        return id === userId || ((relation?.friends || relation?.sharesGroup) === true && relation?.blocked === false);
      };
      const known = asked.filter(mayKnow);
      const { statuses } = await repo.onlineStatus.getUsersOnlineStatus({ userIds: known });
      const byUser = new Map(statuses.map((status) => [status.userId, status]));
      return {
        // Which gateways and devices is nobody's business.
        statuses: asked.map((id) => {
          const { isOnline = false, lastSeen = 0n } = byUser.get(id) ?? {};
          return { userId: id, isOnline, lastSeen };
        }),
      };
    },
  };
}
