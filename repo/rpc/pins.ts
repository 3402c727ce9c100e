import type { ServiceImpl } from "@connectrpc/connect";
import { desc, eq } from "drizzle-orm";
import type { ConversationService, Pin } from "#proto/gen/gochat/repo/v1/conversation_service_pb.ts";
import { PINS_MAX } from "#proto/limits.ts";
import { pin, unpin } from "../changes/pin.ts";
import type { RepoContext } from "../context.ts";
import type { RouteFinder } from "../routes.ts";
import { seconds } from "../store/message-row.ts";
import { idOf } from "./arguments.ts";
import { clientMsgIdOf, createMessageChanges } from "./message-changes.ts";

type Impl = ServiceImpl<typeof ConversationService>;

/** Pins of gochat.repo.v1.ConversationService. Errors: as the bodies of `repo/changes/pin.ts`. */
export function pinMethods(
  context: RepoContext,
  routes: RouteFinder,
): Pick<Impl, "pinMessage" | "unpinMessage" | "listPins"> {
  const { db, tables, ids } = context;
  const { messagePins: p } = tables;
  const change = createMessageChanges(context, routes);

  async function listed(conversationId: string): Promise<Pin[]> {
    const rows = await db.q
      .select()
      .from(p)
      .where(eq(p.conversationId, conversationId))
      .orderBy(desc(p.createdAt), desc(p.id))
      .limit(PINS_MAX);
    return rows.map((row) => ({
      $typeName: "gochat.repo.v1.Pin",
      messageId: row.messageId.toString(),
      seqId: row.seqId,
      pinnedBy: row.pinnedBy.toString(),
      createdAt: seconds(row.createdAt),
    }));
  }

  const keyOf = (request: { messageId: string; operatorId: string; clientMsgId: string }) => ({
    messageId: idOf(request.messageId, "message_id"),
    operatorId: idOf(request.operatorId, "operator_id"),
    clientMsgId: clientMsgIdOf(request.clientMsgId),
  });

  return {
    async pinMessage(request) {
      const key = keyOf(request);
      const body = pin(tables, key.messageId, ids.snowflake());
      const { message, changes } = await change({ ...key, operation: ["pin"] }, body);
      return { pins: await listed(message.conversationId), changes };
    },

    async unpinMessage(request) {
      const key = keyOf(request);
      const { message, changes } = await change({ ...key, operation: ["unpin"] }, unpin(tables, key.messageId));
      return { pins: await listed(message.conversationId), changes };
    },

    async listPins({ conversationId }) {
      return { pins: await listed(conversationId) };
    },
  };
}
