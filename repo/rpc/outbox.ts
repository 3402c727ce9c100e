import type { ServiceImpl } from "@connectrpc/connect";
import type { OutboxService } from "#proto/gen/gochat/repo/v1/outbox_service_pb.ts";
import type { RepoContext } from "../context.ts";
import { createOutboxStore } from "../store/outbox.ts";
import { idOf, invalid } from "./arguments.ts";

const deletesMax = 1000;
const listMax = 500;
const olderThanDefaultMs = 10_000n;

/** gochat.repo.v1.OutboxService. Errors: INVALID_PARAMETER, SERVICE_UNAVAILABLE. */
export function outboxService(context: Pick<RepoContext, "db" | "tables">): ServiceImpl<typeof OutboxService> {
  const outbox = createOutboxStore(context);
  return {
    async deleteOutbox({ outboxIds }) {
      if (outboxIds.length > deletesMax) throw invalid("outbox_ids");
      return { deleted: await outbox.remove(outboxIds.map((id) => idOf(id, "outbox_ids"))) };
    },

    async listOutbox(request) {
      const olderThanMs = Number(request.olderThanMs === 0n ? olderThanDefaultMs : request.olderThanMs);
      const limit = request.limit <= 0 ? listMax : Math.min(request.limit, listMax);
      const rows = await outbox.list(olderThanMs, limit);
      return {
        rows: rows.map((row) => ({
          outboxId: row.id.toString(),
          ageMs: BigInt(Math.round(row.ageMs)),
          conversations: row.ranges,
        })),
      };
    },
  };
}
