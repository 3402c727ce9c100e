import type { CallOptions } from "@connectrpc/connect";
import { type Mq, type OutRecord, outRecord } from "#infra/mq/mq.ts";
import { type AddressedConversation, type AddressedRow, addressBatch, removedUserIds } from "#proto/addressing.ts";
import { conversationTypeOf } from "#proto/conversation-ids.ts";
import { AppError, isAppError } from "#proto/errors.ts";
import type { BroadcastRecord } from "#proto/gen/gochat/mq/v1/downstream_pb.ts";
import type { RouteExtra } from "#proto/gen/gochat/repo/v1/conversation_service_pb.ts";
import type { OutboxRange, OutboxRow } from "#proto/gen/gochat/repo/v1/outbox_service_pb.ts";
import type { ConversationRoutes } from "#proto/gen/gochat/repo/v1/routes_pb.ts";
import { IDS_MAX } from "#proto/limits.ts";
import { downstreamTopic, topics } from "#proto/topics.ts";
import type { RepoClients } from "./deps.ts";

export interface SweepDeps {
  readonly mq: Mq;
  readonly repo: RepoClients;
  /** Unix ms. */
  readonly clock: () => number;
}

/** What is read and produced in one go: bounds the memory of a sweep. A single outbox row may be larger (500 rows). */
export const sweepMessagesMax = 1000;
const conversationsPerCallMax = 500;
const messagesPerPage = 200;

/** Parts of the outbox rows, oldest first, that together owe at most `sweepMessagesMax` rows and 500 conversations. */
export function partsOf(rows: readonly OutboxRow[]): OutboxRow[][] {
  const parts: OutboxRow[][] = [];
  let part: OutboxRow[] = [];
  let messages = 0;
  let ranges = 0;
  for (const row of rows) {
    const owed = row.conversations.reduce((sum, range) => sum + Number(range.toSeq - range.fromSeq) + 1, 0);
    const more = row.conversations.length;
    if (part.length > 0 && (messages + owed > sweepMessagesMax || ranges + more > conversationsPerCallMax)) {
      parts.push(part);
      part = [];
      messages = 0;
      ranges = 0;
    }
    part.push(row);
    messages += owed;
    ranges += more;
  }
  if (part.length > 0) parts.push(part);
  return parts;
}

/** Pushes and feeds what the outbox rows name, from the stored rows and the routes of now, and deletes them after the
 *  log holds all of it. Repeatable: gateways, clients and the readers of the feed drop what they have. */
export interface Sweep {
  /** Rejects, with nothing deleted, when a dependency is away. */
  push(rows: readonly OutboxRow[], options: CallOptions): Promise<void>;
}

export function createSweep(deps: SweepDeps): Sweep {
  const { repo, mq, clock } = deps;
  let lastRunId = "";

  async function readRows(range: OutboxRange, options: CallOptions): Promise<AddressedRow[]> {
    const { conversationId, toSeq } = range;
    const rows: AddressedRow[] = [];
    for (let from = range.fromSeq; from <= toSeq; ) {
      const page = await repo.message.getConversationMessages(
        { conversationId, startSeqId: from, endSeqId: toSeq, limit: messagesPerPage, ascending: true },
        options,
      );
      // The session that sent it has its ack, or resends: a push to it too is only a repeat.
      for (const message of page.messages) rows.push({ message, originSessionId: "" });
      if (!page.hasMore || page.nextSeqId <= from) break;
      from = page.nextSeqId;
    }
    return rows;
  }

  /** The rows of one conversation in seq order, each once; none when the conversation is gone. */
  async function readConversation(ranges: readonly OutboxRange[], options: CallOptions): Promise<AddressedRow[]> {
    const rows: AddressedRow[] = [];
    for (const range of merged(ranges)) {
      try {
        for (const row of await readRows(range, options)) rows.push(row);
      } catch (error) {
        if (!isAppError(error, "CONVERSATION_NOT_FOUND")) throw error;
      }
    }
    return rows;
  }

  async function readRoutes(stored: ReadonlyMap<string, readonly AddressedRow[]>, options: CallOptions) {
    const conversationIds = [...stored.keys()];
    const found = new Map<string, ConversationRoutes>();
    let resync: BroadcastRecord | undefined;
    for (let from = 0; from < conversationIds.length; from += conversationsPerCallMax) {
      const ids = conversationIds.slice(from, from + conversationsPerCallMax);
      const extras = ids.flatMap((id) => extraOf(id, stored.get(id) ?? []) ?? []);
      const answer = await repo.conversation.getConversationRoutes({ conversationIds: ids, extras }, options);
      const listed = answer.conversations.some((conversation) => !conversation.isRoom);
      if (!answer.routesKnown && (listed || answer.conversations.length === 0)) {
        throw new AppError("SERVICE_UNAVAILABLE", { cause: "presence cannot be read" });
      }
      for (const conversation of answer.conversations) found.set(conversation.conversationId, conversation);
      if (answer.cacheRunId === "") continue;
      // Another life of the cache: presence may be incomplete, so all sessions are asked to compare.
      if (lastRunId !== "" && answer.cacheRunId !== lastRunId) resync = resyncRecord(answer.cacheRunId, clock());
      lastRunId = answer.cacheRunId;
    }
    return { found, resync };
  }

  return {
    async push(outboxRows, options) {
      const byConversation = new Map<string, OutboxRange[]>();
      for (const range of outboxRows.flatMap((row) => row.conversations)) {
        const ranges = byConversation.get(range.conversationId);
        if (ranges === undefined) byConversation.set(range.conversationId, [range]);
        else ranges.push(range);
      }
      const stored = new Map<string, AddressedRow[]>();
      for (const [id, ranges] of byConversation) stored.set(id, await readConversation(ranges, options));
      // After the rows: a device that came online in between is in the routes, one that came later syncs.
      const { found, resync } = await readRoutes(stored, options);
      const conversations = [...stored].map(([conversationId, rows]): AddressedConversation => {
        const routes = found.get(conversationId);
        return {
          conversationId,
          type: conversationTypeOf(conversationId),
          isRoom: routes?.isRoom ?? false,
          membersSeq: routes?.membersSeq ?? 0n,
          routes: routes?.routes ?? [],
          extraRoutes: routes?.extraRoutes ?? [],
          rows,
        };
      });
      const records = recordsOf(conversations, clock());
      if (resync !== undefined) records.push(outRecord(topics.broadcast, "", resync));
      if (records.length > 0) await mq.send(records);
      await repo.outbox.deleteOutbox({ outboxIds: outboxRows.map((row) => row.outboxId) }, options);
    },
  };
}

/** What the rows ask for beside the members of now: those whom they removed, and the list of a group that became a room
 *  by them. */
function extraOf(conversationId: string, rows: readonly AddressedRow[]): RouteExtra | undefined {
  const userIds = [...new Set(rows.flatMap(({ message }) => removedUserIds(message)))].slice(0, IDS_MAX).map(BigInt);
  const listed = rows.some(({ message: { change } }) => change.case === "roomMode" && change.value.room);
  if (userIds.length === 0 && !listed) return undefined;
  return { $typeName: "gochat.repo.v1.RouteExtra", conversationId, listed, userIds };
}

function recordsOf(conversations: readonly AddressedConversation[], nowMs: number): OutRecord[] {
  const addressed = addressBatch({ conversations, acks: [], nowMs });
  const records: OutRecord[] = [];
  for (const value of addressed.downstream) {
    records.push(outRecord(downstreamTopic(value.gatewayId), undefined, value));
  }
  for (const value of addressed.fanout) records.push(outRecord(topics.fanout, value.conversationId, value));
  for (const value of addressed.feed) records.push(outRecord(topics.persist, value.conversationId, value));
  return records;
}

/** Ranges in seq order, without overlaps. */
function merged(ranges: readonly OutboxRange[]): OutboxRange[] {
  const sorted = ranges.toSorted((a, b) => (a.fromSeq < b.fromSeq ? -1 : a.fromSeq > b.fromSeq ? 1 : 0));
  const all: OutboxRange[] = [];
  for (const range of sorted) {
    const last = all.at(-1);
    if (last === undefined || range.fromSeq > last.toSeq + 1n) all.push(range);
    else if (range.toSeq > last.toSeq) all[all.length - 1] = { ...last, toSeq: range.toSeq };
  }
  return all;
}

function resyncRecord(cacheRunId: string, nowMs: number): BroadcastRecord {
  return {
    $typeName: "gochat.mq.v1.BroadcastRecord",
    createdAtMs: BigInt(nowMs),
    body: {
      case: "control",
      value: {
        $typeName: "gochat.mq.v1.Control",
        control: {
          case: "resync",
          value: { $typeName: "gochat.mq.v1.Resync", conversationIds: [], userIds: [], cacheRunId },
        },
      },
    },
  };
}
