import { eq } from "drizzle-orm";
import type { Tables } from "#drizzle/schema.ts";
import type { Tx } from "#infra/db/db.ts";
import { insertMany, run, type Steps, type UpsertPlan, upsertMany } from "#infra/db/steps.ts";
import { type RepoContext, worldId } from "../context.ts";

export interface NewMember {
  userId: bigint;
  /** 1 member, 2 admin, 3 owner. */
  role: number;
}

/** Where a conversation stands at the moment somebody joins it. */
export interface Head {
  lastSeqId: bigint;
  lastMessageNo: bigint;
}

/** Inserts the member rows and, at the newest row of that moment, the read pointers: newcomers begin with 0 unread (spec
 *  40 §2). The caller holds the conversation's lock, except for the world and for a conversation that it just made.
 *  `joinedSeqId` is the seq of the change row that adds them, 0 when there is none. */
export function* insertMembers(
  context: Pick<RepoContext, "tables" | "ids">,
  conversationId: string,
  members: readonly NewMember[],
  head: Head,
  at: { nowMs: number; joinedSeqId?: bigint; hiddenBeforeSeq?: bigint },
): Steps<void> {
  const { tables, ids } = context;
  const times = { createdAt: at.nowMs, updatedAt: at.nowMs };
  const sorted = members.toSorted((a, b) => (a.userId < b.userId ? -1 : 1));
  yield* insertMany(
    tables.conversationMembers,
    sorted.map(({ userId, role }) => ({
      id: ids.snowflake(),
      conversationId,
      userId,
      role,
      joinedSeqId: at.joinedSeqId ?? 0n,
      hiddenBeforeSeq: at.hiddenBeforeSeq ?? 0n,
      joinedAt: at.nowMs,
      ...times,
    })),
  );
  yield* movePointers(
    context,
    conversationId,
    sorted.map(({ userId }) => userId),
    head,
    at.nowMs,
  );
}

/** Moves the users' pointers forward to `head`, or makes them: who was here before has one still. `userIds` ascending. */
export function* movePointers(
  { tables, ids }: Pick<RepoContext, "tables" | "ids">,
  conversationId: string,
  userIds: readonly bigint[],
  { lastSeqId: lastReadSeqId, lastMessageNo: lastReadMessageNo }: Head,
  nowMs: number,
): Steps<void> {
  const times = { createdAt: nowMs, updatedAt: nowMs };
  const rows = userIds.map((userId) => ({
    id: ids.snowflake(),
    userId,
    conversationId,
    lastReadSeqId,
    lastReadMessageNo,
  }));
  yield* upsertMany(
    pointerPlan(tables),
    rows.map((row) => ({ ...row, ...times })),
  );
}

type PointerPlan = UpsertPlan<Tables["userReadPointers"]>;
const pointerPlans = new WeakMap<Tables, PointerPlan>();

function pointerPlan(tables: Tables): PointerPlan {
  const known = pointerPlans.get(tables);
  if (known !== undefined) return known;
  const made: PointerPlan = {
    table: tables.userReadPointers,
    key: ["userId", "conversationId"],
    greatest: ["lastReadSeqId", "lastReadMessageNo", "updatedAt"],
    replace: [],
  };
  pointerPlans.set(tables, made);
  return made;
}

/** Makes a new account a member of the world, in the account's own transaction: no lock on the world's row, for nobody
 *  else can touch these rows yet (spec 40 §7). */
export function* joinWorld(
  context: Pick<RepoContext, "tables" | "ids">,
  tx: Tx,
  userId: bigint,
  nowMs: number,
): Steps<void> {
  const { conversations } = context.tables;
  const [head] = yield* run(
    tx.q
      .select({ lastSeqId: conversations.lastSeqId, lastMessageNo: conversations.lastMessageNo })
      .from(conversations)
      .where(eq(conversations.id, worldId)),
  );
  if (head === undefined) throw new Error("the world conversation is missing: the service did not start properly");
  yield* insertMembers(context, worldId, [{ userId, role: 1 }], head, { nowMs });
}
