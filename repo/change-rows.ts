import type { ChangeRows } from "#proto/gen/gochat/repo/v1/routes_pb.ts";
import type { Changed } from "./change.ts";
import type { RepoContext } from "./context.ts";
import type { RouteFinder, Routes } from "./routes.ts";
import { changeOf } from "./store/change-meta.ts";
import { type MessageRow, toMessage, toUserInfo } from "./store/message-row.ts";

/** What logic pushes and feeds: the rows of a change with their routes, read after the commit. A repeat carries its row
 *  and no routes: what it owes is in the outbox. `target`: the content that an edit shows. */
export async function changeRowsOf(
  { clog }: Pick<RepoContext, "clog">,
  routes: RouteFinder,
  changed: Changed<unknown>,
  target?: Pick<MessageRow, "content" | "deleted">,
): Promise<ChangeRows> {
  const sender = toUserInfo(changed.operator);
  const rows = changed.rows.map((row) => toMessage(row, sender, { target }));
  const fresh = rows.length > 0 && !changed.duplicate;
  const found = fresh ? await routesOf(routes, changed, clog) : unknown;
  return {
    $typeName: "gochat.repo.v1.ChangeRows",
    rows,
    conversations: found.conversations,
    outboxIds: changed.outboxId === undefined ? [] : [changed.outboxId.toString()],
    routesKnown: found.routesKnown,
    cacheRunId: found.cacheRunId,
    duplicate: changed.duplicate,
    facts: changed.facts.map(({ seqId, oldValues, announcementId = "", invitedTo = "" }) => ({
      $typeName: "gochat.repo.v1.ChangeFacts" as const,
      seqId,
      oldValues: { ...oldValues },
      announcementId,
      invitedTo,
    })),
  };
}

const unknown: Routes = { conversations: [], routesKnown: false, cacheRunId: "" };

async function routesOf(routes: RouteFinder, changed: Changed<unknown>, clog: RepoContext["clog"]): Promise<Routes> {
  const { id, isRoom, membersSeq } = changed.conversation;
  const changes = changed.rows.map((row) => changeOf(row.changeType, row.meta));
  const listed = changes.some((change) => change.case === "roomMode" && change.value.room);
  const extraUserIds = changes.flatMap((change) => {
    const removes = change.case === "memberRemoved" || change.case === "memberLeft";
    return removes ? change.value.userIds.map(BigInt) : [];
  });
  try {
    const found = await routes.find([{ id, isRoom, membersSeq, listed, extraUserIds }]);
    // A record tells of the member change before its first row: the changes inside it follow in their place.
    const before = changed.membersSeqBefore;
    return { ...found, conversations: found.conversations.map((one) => ({ ...one, membersSeq: before })) };
  } catch (error) {
    // What is committed is answered in any case; the gateways learn of unknown routes by a resync.
    clog.warn("routes could not be read", { conversation_id: id, err: error });
    return unknown;
  }
}
