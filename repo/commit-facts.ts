import { findMany, now, type Steps } from "#infra/db/steps.ts";
import type { CommitItem } from "./commit-item.ts";
import type { CommitPlans } from "./commit-plans.ts";
import { type ConversationRow, type Facts, memberKey, peerOf } from "./commit-rights.ts";
import type { MessageRow } from "./store/message-row.ts";

const blockedStatus = 3;

/** The identity under which a send may be repeated. Numbers come first, so that no text can be taken for another field. */
export function repeatKey(senderId: bigint, clientMsgId: string, conversationId: string): string {
  return `${senderId} ${clientMsgId.length} ${clientMsgId} ${conversationId}`;
}

/** The members, accounts and blocks that the batch's rules ask for; the conversations are locked already. */
export function* readFacts(
  plans: CommitPlans,
  items: readonly CommitItem[],
  conversations: ReadonlyMap<string, ConversationRow>,
): Steps<Facts> {
  const pairs = new Map<string, [bigint, string]>();
  const blocks = new Map<string, { key: string; pair: [bigint, bigint] }>();
  for (const { senderId, conversationId } of items) {
    const key = memberKey(conversationId, senderId);
    if (pairs.has(key) || !conversations.has(conversationId)) continue;
    pairs.set(key, [senderId, conversationId]);
    const peer = peerOf(conversationId, senderId);
    if (peer !== undefined) blocks.set(`${peer} ${senderId}`, { key, pair: [peer, senderId] });
  }
  const senderIds = [...new Set(items.map((item) => item.senderId))];
  const nowMs = yield* now();
  const members = yield* findMany(plans.members, [...pairs.values()]);
  const senders = yield* findMany(
    plans.senders,
    senderIds.map((id) => [id]),
  );
  const blockRows = yield* findMany(
    plans.blocks,
    [...blocks.values()].map((block) => block.pair),
  );
  const blocked = new Set<string>();
  for (const row of blockRows) {
    const block = blocks.get(`${row.requesterId} ${row.targetId}`);
    if (block !== undefined && row.status === blockedStatus) blocked.add(block.key);
  }
  return {
    nowMs,
    conversations,
    members: new Map(members.map((row) => [memberKey(row.conversationId, row.userId), row])),
    senders: new Map(senders.map((row) => [row.id, row])),
    blocked,
  };
}

/** Rows stored before under the identities of the batch, and the rows that the batch replies to. */
export function* readKnown(
  plans: CommitPlans,
  items: readonly CommitItem[],
  conversations: ReadonlyMap<string, ConversationRow>,
): Steps<{ known: Map<string, MessageRow>; replies: Map<bigint, MessageRow> }> {
  const keys = new Map<string, [string, bigint, string]>();
  const replyIds = new Set<bigint>();
  for (const { senderId, clientMsgId, conversationId, replyToId } of items) {
    if (!conversations.has(conversationId)) continue;
    if (replyToId !== undefined) replyIds.add(replyToId);
    if (clientMsgId === "") continue;
    keys.set(repeatKey(senderId, clientMsgId, conversationId), [conversationId, senderId, clientMsgId]);
  }
  const rows = yield* findMany(plans.known, [...keys.values()]);
  const known = new Map(rows.map((row) => [repeatKey(row.senderId, row.clientMsgId ?? "", row.conversationId), row]));
  for (const row of rows) if (row.replyToId !== null) replyIds.add(row.replyToId);
  const replies = yield* findMany(
    plans.byId,
    [...replyIds].map((id) => [id]),
  );
  return { known, replies: new Map(replies.map((row) => [row.id, row])) };
}
