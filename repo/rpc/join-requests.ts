import type { ServiceImpl } from "@connectrpc/connect";
import { and, count, desc, eq } from "drizzle-orm";
import { AppError } from "#proto/errors.ts";
import type { ConversationService, JoinRequest } from "#proto/gen/gochat/repo/v1/conversation_service_pb.ts";
import { FRIEND_MESSAGE_CHARS_MAX } from "#proto/limits.ts";
import { createChanger } from "../change.ts";
import { changeRowsOf } from "../change-rows.ts";
import { handleJoin, requestJoin } from "../changes/join.ts";
import type { RepoContext } from "../context.ts";
import type { RouteFinder } from "../routes.ts";
import { seconds } from "../store/message-row.ts";
import { checkText, idOf, invalid } from "./arguments.ts";
import { keyOf } from "./member-changes.ts";

type Impl = ServiceImpl<typeof ConversationService>;

const pageRowsMax = 200;

/** Requests to join a group. Errors: as the bodies of `repo/changes/join.ts`. */
export function joinRequestMethods(
  context: RepoContext,
  routes: RouteFinder,
): Pick<Impl, "createJoinRequest" | "getJoinRequest" | "listJoinRequests" | "handleJoinRequest"> {
  const { db } = context;
  const { joinRequests: j } = context.tables;
  const changer = createChanger(context);

  async function find(id: bigint): Promise<JoinRequest | undefined> {
    const [row] = await db.q.select().from(j).where(eq(j.id, id));
    return row === undefined ? undefined : toJoinRequest(row);
  }

  return {
    async createJoinRequest({ conversationId, userId, message }) {
      checkText(message, "message", FRIEND_MESSAGE_CHARS_MAX);
      const key = keyOf({ conversationId, operatorId: userId, clientMsgId: "" }, "join");
      const { value } = await changer.run(key, requestJoin(context, message));
      const request = value === undefined ? undefined : await find(value);
      return request === undefined ? {} : { request };
    },

    async getJoinRequest({ requestId }) {
      const request = await find(idOf(requestId, "request_id"));
      return request === undefined ? {} : { request };
    },

    async listJoinRequests({ conversationId, status, offset, limit }) {
      if (offset < 0) throw invalid("offset");
      const where = and(eq(j.conversationId, conversationId), status === 0 ? undefined : eq(j.status, status));
      const rows = await db.q
        .select()
        .from(j)
        .where(where)
        .orderBy(desc(j.createdAt), desc(j.id))
        .limit(Math.min(Math.max(limit, 1), pageRowsMax))
        .offset(offset);
      const [all] = await db.q
        .select({ rows: count().mapWith(Number) })
        .from(j)
        .where(where);
      return { requests: rows.map(toJoinRequest), total: BigInt(all?.rows ?? 0) };
    },

    async handleJoinRequest({ requestId, operatorId, accept, clientMsgId, membersMax, conversationId: named }) {
      const id = idOf(requestId, "request_id");
      if (membersMax < 1) throw invalid("members_max");
      const conversationId = (await find(id))?.conversationId;
      const known = conversationId !== undefined && (named === "" || named === conversationId);
      if (!known) throw new AppError("JOIN_REQUEST_NOT_FOUND");
      const key = keyOf({ conversationId, operatorId, clientMsgId }, "handle-join", requestId, String(accept));
      const changed = await changer.run(key, handleJoin(context, id, accept, membersMax));
      const changes = await changeRowsOf(context, routes, changed);
      const request = await find(id);
      return request === undefined ? { changes } : { request, changes };
    },
  };
}

interface Row {
  readonly id: bigint;
  readonly conversationId: string;
  readonly userId: bigint;
  readonly message: string | null;
  readonly status: number;
  readonly handledBy: bigint | null;
  readonly createdAt: number;
}

function toJoinRequest({ id, conversationId, userId, message, status, handledBy, createdAt }: Row): JoinRequest {
  return {
    $typeName: "gochat.repo.v1.JoinRequest",
    id: id.toString(),
    conversationId,
    userId: userId.toString(),
    message: message ?? "",
    status,
    handledBy: handledBy?.toString() ?? "",
    createdAt: seconds(createdAt),
  };
}
