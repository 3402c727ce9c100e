import type { Tx } from "#infra/db/db.ts";
import { findMany, type Steps } from "#infra/db/steps.ts";
import { peerOf } from "#proto/conversation-ids.ts";
import { AppError } from "#proto/errors.ts";
import { type Action, refusalOf } from "#proto/permissions.ts";
import type { ChangePlans, LockedConversation } from "./change-plans.ts";
import type { ChangePayload } from "./store/change-meta.ts";
import type { MemberRow } from "./store/conversation-row.ts";
import type { MessageRow, SenderRow } from "./store/message-row.ts";

/** One row to append: what it says, and the message that it concerns. */
export interface NewChange {
  readonly change: ChangePayload;
  readonly targetMessageId?: bigint;
  readonly facts?: Facts;
}

/** What the events of a row tell beside it (`ChangeFacts`). */
export interface Facts {
  readonly oldValues?: Readonly<Record<string, string>>;
  readonly announcementId?: string;
  readonly invitedTo?: string;
}

/** Columns of the conversation that a change sets; its seq and times are set by themselves. */
export type ConversationFields = Partial<
  Pick<
    LockedConversation,
    | "name"
    | "avatarUrl"
    | "description"
    | "ownerId"
    | "settings"
    | "memberCount"
    | "membersSeq"
    | "isRoom"
    | "version"
    | "dissolvedAt"
  >
>;

/** What the body of a change works with. The conversation is locked, and everything that is read from here on is read
 *  after the lock (G7). */
export class ChangeScope {
  readonly tx: Tx;
  readonly plans: ChangePlans;
  /** The database's clock, Unix ms. */
  readonly nowMs: number;
  /** As it was when it was locked. */
  readonly conversation: LockedConversation;
  readonly operator: SenderRow;
  /** Undefined: the operator is no member; `permit` refuses then. */
  readonly member: MemberRow | undefined;
  readonly added: { seq: bigint; entry: NewChange }[] = [];
  readonly fields: ConversationFields = {};

  constructor(init: Pick<ChangeScope, "tx" | "plans" | "nowMs" | "conversation" | "operator" | "member">) {
    this.tx = init.tx;
    this.plans = init.plans;
    this.nowMs = init.nowMs;
    this.conversation = init.conversation;
    this.operator = init.operator;
    this.member = init.member;
  }

  /** Appends a row to the stream and answers its seq. Without one nothing is stored but what the body wrote itself. */
  add(entry: NewChange): bigint {
    const seq = this.conversation.lastSeqId + BigInt(this.added.length) + 1n;
    this.added.push({ seq, entry });
    return seq;
  }

  set(fields: ConversationFields): void {
    Object.assign(this.fields, fields);
  }

  /** Throws what the permission matrix answers, and CONVERSATION_DISSOLVED. `targetRole`: of the person concerned. */
  permit(action: Action, targetRole = 0): void {
    const refusal = refusalOf(action, { type: this.conversation.type, role: this.member?.role ?? 0, targetRole });
    if (refusal !== undefined) throw new AppError(refusal);
    if (this.conversation.dissolvedAt !== null) throw new AppError("CONVERSATION_DISSOLVED");
  }

  /** A message of this conversation. Throws MESSAGE_NOT_FOUND. */
  *message(id: bigint): Steps<MessageRow> {
    const [row] = yield* findMany(this.plans.byId, [[id]]);
    const isMessage = row?.kind === 1 && row.conversationId === this.conversation.id;
    if (!isMessage || row.seqId <= (this.member?.hiddenBeforeSeq ?? 0n)) throw new AppError("MESSAGE_NOT_FOUND");
    return row;
  }

  /** The same, for operations that a tombstone does not take. Throws MESSAGE_RECALLED too. */
  *standing(id: bigint): Steps<MessageRow> {
    const row = yield* this.message(id);
    if (row.deleted) throw new AppError("MESSAGE_RECALLED");
    return row;
  }

  /** Member rows of the users, in no order; who is no member is missing. At most 1000. */
  *members(userIds: readonly bigint[]): Steps<MemberRow[]> {
    return yield* findMany(
      this.plans.members,
      [...new Set(userIds)].map((userId) => [userId, this.conversation.id]),
    );
  }

  /** 0: no member. */
  *roleOf(userId: bigint): Steps<number> {
    const [member] = yield* this.members([userId]);
    return member?.role ?? 0;
  }

  /** Throws BLOCKED_BY_USER in a single chat whose other side has blocked the operator. */
  *notBlocked(): Steps<void> {
    const peer = peerOf(this.conversation.id, this.operator.id.toString());
    if (peer === undefined) return;
    const [block] = yield* findMany(this.plans.blocks, [[BigInt(peer), this.operator.id]]);
    if (block?.status === blockedStatus) throw new AppError("BLOCKED_BY_USER");
  }
}

const blockedStatus = 3;
