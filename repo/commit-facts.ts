import { findMany, now, type Steps, together } from "#infra/db/steps.ts";
import { singleId } from "#proto/conversation-ids.ts";
import type { CommitItem } from "./commit-item.ts";
import type { CommitPlans } from "./commit-plans.ts";
import { type Facts, memberKey, peerOf } from "./commit-rights.ts";
import type { MessageRow } from "./store/message-row.ts";

const blockedStatus = 3;

/** The identity under which a send may be repeated. Numbers come first, so that no text can be taken for another field. */
export function repeatKey(senderId: bigint, clientMsgId: string, conversationId: string): string {
  return `${senderId} ${clientMsgId.length} ${clientMsgId} ${conversationId}`;
}

/** What the decisions about a batch need. */
export interface BatchFacts {
  readonly facts: Facts;
  /** Rows stored before under the identities of the batch, by `repeatKey`. */
  readonly known: Map<string, MessageRow>;
  /** Rows that the batch, or a row of `known`, replies to. */
  readonly replies: Map<bigint, MessageRow>;
}

/** Locks the conversations of the batch, by primary key ascending, and reads after it, in one message where the driver
 *  can, members, accounts, blocks, known identities and rows that are replied to. */
export function* readBatch(plans: CommitPlans, items: readonly CommitItem[]): Steps<BatchFacts> {
  const keys = keysOf(items);
  const [conversations, nowMs, members, senders, blocks, known, replies] = yield* together([
    findMany(plans.lock, keys.conversations),
    now(),
    findMany(plans.members, keys.members),
    findMany(plans.senders, keys.senders),
    findMany(plans.blocks, keys.blocks),
    findMany(plans.known, keys.known),
    findMany(plans.byId, keys.replies),
  ] as const);
  const blocked = new Set<string>();
  for (const { requesterId, targetId, status } of blocks) {
    if (status === blockedStatus) blocked.add(memberKey(singleId(requesterId, targetId), targetId));
  }
  const facts = {
    nowMs,
    conversations: new Map(conversations.map((row) => [row.id, row])),
    members: new Map(members.map((row) => [memberKey(row.conversationId, row.userId), row])),
    senders: new Map(senders.map((row) => [row.id, row])),
    blocked,
  };
  const replyRows = new Map(replies.map((row) => [row.id, row]));
  if (known.length > 0) yield* readRepliesOf(plans, known, replyRows);
  return {
    facts,
    known: new Map(known.map((row) => [repeatKey(row.senderId, row.clientMsgId ?? "", row.conversationId), row])),
    replies: replyRows,
  };
}

/** A repeat shows what it replied to, as the first time. */
function* readRepliesOf(
  plans: CommitPlans,
  known: readonly MessageRow[],
  replies: Map<bigint, MessageRow>,
): Steps<void> {
  const missing = new Set<bigint>();
  for (const { replyToId } of known) if (replyToId !== null && !replies.has(replyToId)) missing.add(replyToId);
  const rows = yield* findMany(
    plans.byId,
    Array.from(missing, (id) => [id]),
  );
  for (const row of rows) replies.set(row.id, row);
}

interface BatchKeys {
  readonly conversations: (readonly [string])[];
  readonly members: (readonly [bigint, string])[];
  readonly senders: (readonly [bigint])[];
  readonly blocks: (readonly [bigint, bigint])[];
  readonly known: (readonly [string, bigint, string])[];
  readonly replies: (readonly [bigint])[];
}

/** Each key once; conversations ascending. */
function keysOf(items: readonly CommitItem[]): BatchKeys {
  const conversations = new Set<string>();
  const senders = new Set<bigint>();
  const replies = new Set<bigint>();
  const pairs = new Set<string>();
  const identities = new Set<string>();
  const keys: BatchKeys = { conversations: [], members: [], senders: [], blocks: [], known: [], replies: [] };
  for (const { senderId, conversationId, clientMsgId, replyToId } of items) {
    conversations.add(conversationId);
    senders.add(senderId);
    if (replyToId !== undefined) replies.add(replyToId);
    const pair = memberKey(conversationId, senderId);
    if (!pairs.has(pair)) {
      pairs.add(pair);
      keys.members.push([senderId, conversationId]);
      const peer = peerOf(conversationId, senderId);
      if (peer !== undefined) keys.blocks.push([peer, senderId]);
    }
    const identity = clientMsgId === "" ? undefined : repeatKey(senderId, clientMsgId, conversationId);
    if (identity === undefined || identities.has(identity)) continue;
    identities.add(identity);
    keys.known.push([conversationId, senderId, clientMsgId]);
  }
  for (const id of [...conversations].sort()) keys.conversations.push([id]);
  for (const id of senders) keys.senders.push([id]);
  for (const id of replies) keys.replies.push([id]);
  return keys;
}
