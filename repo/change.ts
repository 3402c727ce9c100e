import { eq } from "drizzle-orm";
import type { Tx } from "#infra/db/db.ts";
import { DbError } from "#infra/db/errors.ts";
import { findMany, insertMany, now, run, type Steps } from "#infra/db/steps.ts";
import { uuidv7 } from "#infra/uid/uid.ts";
import { AppError } from "#proto/errors.ts";
import { type ChangePlans, createChangePlans, type LockedConversation } from "./change-plans.ts";
import { ChangeScope, type Facts } from "./change-scope.ts";
import type { RepoContext } from "./context.ts";
import { parkConversation } from "./parked.ts";
import { changeMeta, changeTypeOf } from "./store/change-meta.ts";
import type { MessageRow, SenderRow } from "./store/message-row.ts";
import { type MessageTable, messageTableOf } from "./store/message-table.ts";
import { packRanges } from "./store/outbox-ranges.ts";

/** Under which identity a change is made (spec 30 §1): a repeat answers the stored row, other content is refused. */
export interface ChangeKey {
  readonly conversationId: string;
  readonly operatorId: bigint;
  /** Empty: this change cannot be repeated safely. */
  readonly clientMsgId: string;
  /** `changeHash` of the operation and its arguments. */
  readonly hash: Uint8Array;
}

/** What a transaction made of a change. */
export interface Changed<T> {
  /** What the body answered; undefined for a repeat. */
  readonly value: T | undefined;
  /** The rows made, in seq order, or the row that is repeated; empty when nothing changed. */
  readonly rows: readonly MessageRow[];
  readonly duplicate: boolean;
  /** Of the rows that have some. */
  readonly facts: readonly (Facts & { readonly seqId: bigint })[];
  readonly operator: SenderRow;
  /** As it is after the change. */
  readonly conversation: Pick<LockedConversation, "id" | "type" | "isRoom" | "membersSeq" | "memberCount">;
  /** Of the last member change before this one. */
  readonly membersSeqBefore: bigint;
  readonly outboxId: bigint | undefined;
}

export interface Changer {
  /** Makes one change in one transaction (spec 40 §7): locks the conversation, looks for a repeat, runs `body`, then stores
   *  the rows that it added with their seqs, the conversation and the outbox row. What `body` throws rolls all of it back
   *  and comes back as it is; a body that adds no row changed nothing. Errors: CONVERSATION_NOT_FOUND, USER_NOT_FOUND,
   *  USER_DISABLED, IDEMPOTENCY_CONFLICT, SERVICE_UNAVAILABLE (also: the conversation is parked). */
  run<T>(key: ChangeKey, body: (scope: ChangeScope) => Steps<T>): Promise<Changed<T>>;
}

/** SHA-256 (32 bytes) of a change's operation and arguments, as kept in `send_hash`. Stored for ever: the layout must
 *  never change. */
export function changeHash(operation: string, ...args: readonly string[]): Uint8Array {
  const text = args.map((arg) => `${arg.length} ${arg}\n`).join("");
  return new Bun.CryptoHasher("sha256").update(`2 ${operation}\n${text}`).digest();
}

const systemType = 4;
const kindChange = 2;

export function createChanger(context: RepoContext): Changer {
  const { db, tables, ids } = context;
  const clog = context.clog.namespace("change");
  const plansByTable = new Map<MessageTable, ChangePlans>();

  function plansOf(conversationId: string): ChangePlans {
    const table = messageTableOf(tables, conversationId);
    const known = plansByTable.get(table) ?? createChangePlans(tables, table);
    plansByTable.set(table, known);
    return known;
  }

  function* open(plans: ChangePlans, tx: Tx, key: ChangeKey): Steps<ChangeScope> {
    const [conversation] = yield* findMany(plans.lock, [[key.conversationId]]);
    if (conversation === undefined) throw new AppError("CONVERSATION_NOT_FOUND");
    if (conversation.parkedAt !== null) {
      throw new AppError("SERVICE_UNAVAILABLE", { cause: "the conversation is parked" });
    }
    const nowMs = yield* now();
    const [operator] = yield* findMany(plans.users, [[key.operatorId]]);
    if (operator === undefined) throw new AppError("USER_NOT_FOUND");
    const [member] = yield* findMany(plans.members, [[key.operatorId, key.conversationId]]);
    return new ChangeScope({ tx, plans, nowMs, conversation, operator, member });
  }

  /** What is stored stays answered, whatever has happened to the operator's rights since. */
  function* repeatOf(plans: ChangePlans, key: ChangeKey): Steps<MessageRow | undefined> {
    if (key.clientMsgId === "") return undefined;
    const [row] = yield* findMany(plans.known, [[key.conversationId, key.operatorId, key.clientMsgId]]);
    if (row === undefined) return undefined;
    if (row.sendHash === null || Buffer.compare(row.sendHash, key.hash) === 0) return row;
    throw new AppError("IDEMPOTENCY_CONFLICT");
  }

  /** The rows of the stream, the conversation, the outbox row: in this order, as commits write them. */
  function* store(scope: ChangeScope, key: ChangeKey): Steps<{ rows: MessageRow[]; outboxId: bigint }> {
    const { plans, tx, nowMs, conversation } = scope;
    const rows = scope.added.map((added, at) => newRow(scope, key, added, at, ids.snowflake()));
    yield* insertMany(plans.messages, rows);
    const lastSeqId = rows.at(-1)?.seqId ?? conversation.lastSeqId;
    const { conversations: c } = tables;
    const fields = { ...scope.fields, lastSeqId, updatedAt: nowMs };
    yield* run(tx.q.update(c).set(fields).where(eq(c.id, conversation.id)));
    const outboxId = ids.snowflake();
    const ranges = packRanges([
      { conversationId: conversation.id, fromSeq: conversation.lastSeqId + 1n, toSeq: lastSeqId },
    ]);
    yield* insertMany(plans.outbox, [{ id: outboxId, ranges, createdAt: nowMs }]);
    return { rows, outboxId };
  }

  function* transact<T>(tx: Tx, key: ChangeKey, body: (scope: ChangeScope) => Steps<T>): Steps<Changed<T>> {
    const plans = plansOf(key.conversationId);
    const scope = yield* open(plans, tx, key);
    context.writes?.only(key.conversationId);
    const { operator, conversation } = scope;
    const { membersSeq: membersSeqBefore } = conversation;
    const repeated = yield* repeatOf(plans, key);
    if (repeated !== undefined) {
      const nothing = { value: undefined, outboxId: undefined, facts: [] };
      return { ...nothing, rows: [repeated], duplicate: true, operator, conversation, membersSeqBefore };
    }
    if (operator.status !== 0) throw new AppError("USER_DISABLED");
    const value = yield* body(scope);
    const stored = scope.added.length === 0 ? { rows: [], outboxId: undefined } : yield* store(scope, key);
    const after = { ...conversation, ...scope.fields };
    const facts = scope.added.flatMap(({ seq, entry }) => (entry.facts ? [{ seqId: seq, ...entry.facts }] : []));
    return { value, ...stored, facts, duplicate: false, operator, conversation: after, membersSeqBefore };
  }

  return {
    async run(key, body) {
      try {
        return await db.transaction((tx) => transact(tx, key, body));
      } catch (error) {
        if (!(error instanceof DbError) || error.kind !== "unique") throw error;
        await parkConversation({ db, tables, clog }, key.conversationId, error);
        throw new AppError("SERVICE_UNAVAILABLE", { cause: error });
      }
    },
  };
}

function newRow(
  { conversation, operator, nowMs }: ChangeScope,
  key: ChangeKey,
  { seq, entry }: ChangeScope["added"][number],
  at: number,
  id: bigint,
): MessageRow {
  // The first row carries the client's id; what follows from it has ids of its own.
  const own = at === 0;
  return {
    id,
    conversationId: conversation.id,
    senderId: operator.id,
    messageType: systemType,
    content: "",
    seqId: seq,
    clientMsgId: own && key.clientMsgId !== "" ? key.clientMsgId : uuidv7(),
    sendHash: own ? key.hash : null,
    kind: kindChange,
    changeType: changeTypeOf(entry.change),
    targetMessageId: entry.targetMessageId ?? null,
    messageNo: conversation.lastMessageNo,
    deleted: false,
    extra: null,
    meta: changeMeta(entry.change),
    replyToId: null,
    recalledBy: null,
    recalledAt: null,
    createdAt: nowMs,
    updatedAt: nowMs,
  };
}
