import type { ServiceImpl } from "@connectrpc/connect";
import type { FriendshipService } from "#proto/gen/gochat/repo/v1/friendship_service_pb.ts";
import { IDS_MAX } from "#proto/limits.ts";
import type { RepoContext } from "../context.ts";
import { inGroupsOf } from "../store/shared-groups.ts";
import { idOf, invalid } from "./arguments.ts";

const accepted = 1;
const blocked = 3;

/** How two people stand to each other.
 *  Errors: INVALID_PARAMETER, SERVICE_UNAVAILABLE. */
export function relationMethods(
  context: Pick<RepoContext, "db" | "tables">,
): Pick<ServiceImpl<typeof FriendshipService>, "areFriends"> {
  const { friendshipRequests: f } = context.tables;
  const plan = {
    table: f,
    columns: { requesterId: f.requesterId, targetId: f.targetId, status: f.status },
    by: [f.requesterId, f.targetId],
  };
  return {
    async areFriends({ userId, otherIds, includeGroups }) {
      if (otherIds.length > IDS_MAX) throw invalid("other_ids");
      const user = idOf(userId, "user_id");
      const others = [...new Set(otherIds)].map((id) => idOf(id, "other_ids"));
      // Two statements: a thousand pairs each, both directions.
      const [own, theirs, together] = await Promise.all([
        context.db.find(
          plan,
          others.map((other) => [user, other]),
        ),
        context.db.find(
          plan,
          others.map((other) => [other, user]),
        ),
        includeGroups ? inGroupsOf(context, user, others) : new Set<bigint>(),
      ]);
      const ownStatus = new Map(own.map((row) => [row.targetId, row.status]));
      const theirStatus = new Map(theirs.map((row) => [row.requesterId, row.status]));
      const relations = others.map((other) => [
        other.toString(),
        {
          friends: ownStatus.get(other) === accepted,
          blocking: ownStatus.get(other) === blocked,
          blocked: theirStatus.get(other) === blocked,
          sharesGroup: together.has(other),
        },
      ]);
      return { relations: Object.fromEntries(relations) };
    },
  };
}
