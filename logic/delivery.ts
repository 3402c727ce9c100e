import { type Headers, type OutRecord, outRecord } from "#infra/mq/mq.ts";
import { type AddressedAck, type AddressedConversation, type AddressedRow, addressBatch } from "#proto/addressing.ts";
import { conversationTypeOf } from "#proto/conversation-ids.ts";
import { ERRORS } from "#proto/errors.ts";
import {
  type Ack,
  AckStatus,
  type BroadcastRecord,
  type DownstreamRecord,
} from "#proto/gen/gochat/mq/v1/downstream_pb.ts";
import type { UpstreamMessage } from "#proto/gen/gochat/mq/v1/upstream_pb.ts";
import type { CommitMessagesResponse } from "#proto/gen/gochat/repo/v1/message_service_pb.ts";
import type { ChangeRows } from "#proto/gen/gochat/repo/v1/routes_pb.ts";
import { downstreamTopic, type Topic, topics } from "#proto/topics.ts";
import type { LogicContext } from "./deps.ts";
import type { SendOutcome } from "./message/outcome.ts";
import type { Entrance } from "./metrics.ts";
import type { OutboxDeletes } from "./outbox-deletes.ts";
import { createResyncWatch } from "./resync.ts";

/** A batch that has passed the commit point. `answer` is absent when every send was refused before it. */
export interface Committed {
  readonly entrance: Entrance;
  readonly sends: readonly UpstreamMessage[];
  /** One per send, in their order. */
  readonly outcomes: readonly SendOutcome[];
  readonly answer: CommitMessagesResponse | undefined;
  /** The sampled trace that is told of the batch: the first one in it. */
  readonly parent?: string | undefined;
}

export interface DeliveryDeps extends LogicContext {
  readonly outboxDeletes: OutboxDeletes;
}

/** A change that has passed the commit point. */
export interface DeliveredChange {
  readonly changes: ChangeRows;
  readonly traceId: string;
  readonly parent?: string | undefined;
}

export interface Delivery {
  deliver(committed: Committed): Promise<void>;
  /** The same for the rows of a change; a repeat and a change of nothing owe nothing. */
  deliverChange(change: DeliveredChange): Promise<void>;
}

/** What both have: where their rows go, and what is owed for them. */
interface Owed {
  readonly conversations: readonly AddressedConversation[];
  readonly acks: AddressedAck[];
  readonly answer: Pick<CommitMessagesResponse, "routesKnown" | "cacheRunId" | "outboxIds"> | undefined;
  readonly traceId: string | undefined;
  readonly parent: string | undefined;
}

/** Topics of gateways seen; a few thousand names are more than there can be gateways at a time. */
const topicsMax = 4096;

const recipientBuckets = [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];

/** Turns what was committed into records: acks and listed pushes for each gateway, fan-out tasks for rooms, the feed. */
export function createDelivery(deps: DeliveryDeps): Delivery {
  const resync = createResyncWatch(deps.clock);
  const resyncs = deps.metrics.counter("gochat_resync_total", "Resyncs asked of all gateways", ["reason"]);
  const recipients = deps.metrics
    .histogram("gochat_fanout_recipients", "Users that a push is for", ["path"], recipientBuckets)
    .with({ path: "listed" });
  const gatewayTopics = new Map<string, Topic<DownstreamRecord>>();

  function topicOf(gatewayId: string): Topic<DownstreamRecord> {
    const known = gatewayTopics.get(gatewayId);
    if (known !== undefined) return known;
    if (gatewayTopics.size >= topicsMax) gatewayTopics.clear();
    const topic = downstreamTopic(gatewayId);
    gatewayTopics.set(gatewayId, topic);
    return topic;
  }

  function recordsOf({ conversations, acks, traceId, parent }: Owed): OutRecord[] {
    for (const { isRoom, routes } of conversations) {
      if (!isRoom) recipients.observe(routes.reduce((sum, { userIds }) => sum + userIds.length, 0));
    }
    const { downstream, fanout, feed } = addressBatch({ conversations, acks, nowMs: deps.clock() });
    // A record that joins several messages carries the trace of the first (spec 50 §2).
    const trace = traceHeader(traceId, parent);
    const records: OutRecord[] = [];
    for (const value of downstream) records.push(outRecord(topicOf(value.gatewayId), undefined, value, trace));
    for (const value of fanout)
      records.push(outRecord(topics.fanout, value.conversationId, value, traceHeader(value.traceId, parent)));
    for (const value of feed)
      records.push(outRecord(topics.persist, value.conversationId, value, traceHeader(value.traceId, parent)));
    return records;
  }

  function takeResync(answer: Owed["answer"]): BroadcastRecord | undefined {
    if (answer === undefined) return undefined;
    resync.observe(answer.routesKnown, answer.cacheRunId);
    const record = resync.take();
    if (record !== undefined) resyncs.inc({ reason: answer.routesKnown ? "cache_run_id" : "routes_unknown" });
    return record;
  }

  async function produce(owed: Owed): Promise<void> {
    const records = recordsOf(owed);
    const resyncRecord = takeResync(owed.answer);
    if (resyncRecord !== undefined) records.push(outRecord(topics.broadcast, "", resyncRecord));
    try {
      if (records.length > 0) await deps.mq.send(records);
    } catch (error) {
      if (resyncRecord !== undefined) resync.giveBack(resyncRecord);
      throw error;
    }
    if (owed.answer !== undefined) deps.outboxDeletes.add(owed.answer.outboxIds);
  }

  return {
    async deliver(committed) {
      const { answer, parent } = committed;
      const conversations = conversationsOf(committed);
      await produce({ conversations, acks: acksOf(committed), answer, traceId: committed.sends[0]?.traceId, parent });
    },
    async deliverChange({ changes, traceId, parent }) {
      if (changes.duplicate || changes.rows.length === 0) return;
      await produce({
        conversations: changedConversations(changes, traceId),
        acks: [],
        answer: changes,
        traceId,
        parent,
      });
    },
  };
}

/** Every session of every member gets the row, the operator's own too: its answer may be lost, and repeats are dropped
 *  by seq. */
function changedConversations(changes: ChangeRows, traceId: string): AddressedConversation[] {
  return changes.conversations.map(({ conversationId, isRoom, membersSeq, routes, extraRoutes }) => ({
    conversationId,
    type: conversationTypeOf(conversationId),
    isRoom,
    membersSeq,
    routes,
    extraRoutes,
    traceId,
    rows: changes.rows
      .filter((message) => message.conversationId === conversationId)
      .map((message) => ({ message, originSessionId: "" })),
  }));
}

function traceHeader(traceId: string | undefined, parent: string | undefined): Headers | undefined {
  if (traceId === undefined || traceId === "") return undefined;
  return parent === undefined ? { "X-Trace-ID": traceId } : { "X-Trace-ID": traceId, traceparent: parent };
}

/** The acks of the sockets that wait. A call is answered by its own response, and an unknown outcome by nobody. */
function acksOf(committed: Committed): AddressedAck[] {
  const acks: AddressedAck[] = [];
  if (committed.entrance !== "ws") return acks;
  for (const [index, send] of committed.sends.entries()) {
    const outcome = committed.outcomes[index];
    const ack = outcome === undefined ? undefined : ackOf(send, outcome);
    if (ack !== undefined) acks.push({ gatewayId: send.gatewayId, incarnation: send.incarnation, ack });
  }
  return acks;
}

function ackOf(send: UpstreamMessage, outcome: SendOutcome): Ack | undefined {
  if (outcome.at !== "stored" && outcome.at !== "rejected") return undefined;
  const { sessionId, clientMsgId, conversationId, receivedAtMs } = send;
  const stored = outcome.at === "stored";
  return {
    $typeName: "gochat.mq.v1.Ack",
    sessionId,
    clientMsgId,
    conversationId,
    messageId: stored ? BigInt(outcome.row.id) : 0n,
    seqId: stored ? outcome.row.seqId : 0n,
    status: stored ? AckStatus.SUCCESS : AckStatus.FAILED,
    errorCode: stored ? "" : outcome.code,
    errorMessage: stored ? "" : (outcome.message ?? ERRORS[outcome.code].message),
    createdAtMs: stored ? outcome.createdAtMs : 0n,
    duplicate: stored && outcome.duplicate,
    receivedAtMs,
  };
}

/** The stored rows by conversation, in seq order. A duplicate of the log is pushed again, because the attempt that stored
 *  it may have ended before its produces; a duplicate of a call is not: its outbox row owes that. */
function conversationsOf(committed: Committed): AddressedConversation[] {
  if (committed.answer === undefined) return [];
  const byId = new Map<string, Mutable>();
  for (const { conversationId, isRoom, membersSeq, routes } of committed.answer.conversations) {
    const type = conversationTypeOf(conversationId);
    byId.set(conversationId, { conversationId, type, isRoom, membersSeq, routes, traceId: "", rows: [] });
  }
  let inOrder = true;
  for (const [index, outcome] of committed.outcomes.entries()) {
    if (outcome.at !== "stored" || (outcome.duplicate && committed.entrance !== "ws")) continue;
    const conversation = byId.get(outcome.row.conversationId);
    const send = committed.sends[index];
    if (conversation === undefined || send === undefined) continue;
    const last = conversation.rows.at(-1)?.message;
    if (last === undefined) conversation.traceId = send.traceId;
    else if (last.seqId >= outcome.row.seqId) inOrder = false;
    conversation.rows.push({ message: outcome.row, originSessionId: send.sessionId });
  }
  const conversations = [...byId.values()].filter((conversation) => conversation.rows.length > 0);
  if (!inOrder) for (const conversation of conversations) conversation.rows = sortedOnce(conversation.rows);
  return conversations;
}

interface Mutable extends AddressedConversation {
  traceId: string;
}

/** In seq order, each row once. */
function sortedOnce(rows: readonly AddressedRow[]): AddressedRow[] {
  const bySeq = new Map<bigint, AddressedRow>();
  for (const row of rows) if (!bySeq.has(row.message.seqId)) bySeq.set(row.message.seqId, row);
  return [...bySeq.values()].sort((a, b) => (a.message.seqId < b.message.seqId ? -1 : 1));
}
