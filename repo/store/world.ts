import { now, upsertMany } from "#infra/db/steps.ts";
import { type RepoContext, worldId } from "../context.ts";

/** Makes the world conversation if it is missing; several processes may do so at once. */
export async function ensureWorld(context: Pick<RepoContext, "db" | "tables">): Promise<void> {
  const { conversations } = context.tables;
  const insertOrKeep = { table: conversations, key: ["id"], greatest: [], replace: [] } as const;
  await context.db.transaction(function* () {
    const at = yield* now();
    const times = { lastMessageAt: at, createdAt: at, updatedAt: at };
    yield* upsertMany(insertOrKeep, [{ id: worldId, type: 3, name: "World", isRoom: true, ...times }]);
  });
}
