import type { ConversationType } from "./gen/gochat/common/v1/conversation_pb.ts";
import type { Message } from "./gen/gochat/common/v1/message_pb.ts";
import type { Ack, DownstreamItem, DownstreamRecord, PushMessages, PushRow } from "./gen/gochat/mq/v1/downstream_pb.ts";
import type { FanoutTask, PersistenceMessage, StoredRow } from "./gen/gochat/mq/v1/stored_pb.ts";
import { itemBytes, messageBytes, rowsBytes } from "./topics.ts";

/** Bounds of one record (spec 50 §3); what is more becomes several records, in order. */
export const recordBytesMax = 512 * 1024;
export const fanoutRowsMax = 500;
export const usersPerTargetMax = 1000;

export interface AddressedRow {
  readonly message: Message;
  /** The WebSocket session that sent it, which a listed push skips; empty: none. */
  readonly originSessionId: string;
}

/** Where one gateway has recipients of a conversation, as repo answers it. */
export interface AddressedRoute {
  readonly gatewayId: string;
  readonly incarnation: string;
  readonly userIds: readonly bigint[];
}

/** Stored rows of one conversation, in seq order, and where they go. `isRoom`: the mode after the last row. */
export interface AddressedConversation {
  readonly conversationId: string;
  readonly type: ConversationType;
  readonly isRoom: boolean;
  readonly membersSeq: bigint;
  readonly routes: readonly AddressedRoute[];
  /** Of users whom rows of this batch removed: each gets the row that removed him, and nothing else (spec 50 §3). */
  readonly extraRoutes?: readonly AddressedRoute[];
  readonly traceId?: string | undefined;
  rows: AddressedRow[];
}

export interface AddressedAck {
  readonly gatewayId: string;
  readonly incarnation: string;
  readonly ack: Ack;
}

export interface AddressableBatch {
  readonly conversations: readonly AddressedConversation[];
  readonly acks: readonly AddressedAck[];
  /** Unix ms, `created_at_ms` of the records. Default Date.now(). */
  readonly nowMs?: number | undefined;
}

/** What a batch owes to the log. Records of one gateway, and tasks of one conversation, have to be produced in this order. */
export interface Addressed {
  /** One record per gateway, its acks first, then per conversation its rows; more records past 512 KiB. */
  readonly downstream: DownstreamRecord[];
  readonly fanout: FanoutTask[];
  readonly feed: PersistenceMessage[];
}

/** Turns stored rows and acks into records. Rooms go to the fan-out, all else to the gateways listed. Bodies are shared:
 *  the same rows object is in the records of all gateways, so nothing here may be changed afterwards. */
export function addressBatch(batch: AddressableBatch): Addressed {
  const gateways = new Map<string, GatewayRecords>();
  const createdAtMs = BigInt(batch.nowMs ?? Date.now());
  const fanout: FanoutTask[] = [];
  const feed: PersistenceMessage[] = [];

  const gatewayOf = (gatewayId: string, incarnation: string): GatewayRecords => {
    const key = `${gatewayId} ${incarnation}`;
    let gateway = gateways.get(key);
    if (gateway === undefined) {
      gateway = { gatewayId, incarnation, records: [], items: undefined, bytes: 0 };
      gateways.set(key, gateway);
    }
    return gateway;
  };

  for (const { gatewayId, incarnation, acks } of acksBySession(batch.acks)) {
    const item = ackItem(acks);
    addItem(gatewayOf(gatewayId, incarnation), item, itemBytes(item), createdAtMs);
  }
  for (const conversation of batch.conversations) {
    if (conversation.rows.length === 0) continue;
    feed.push(feedOf(conversation));
    for (const part of partsOf(conversation)) {
      if (part.room) {
        for (const rows of chunks(part.rows, fanoutRowsMax)) fanout.push(taskOf(conversation, rows));
        continue;
      }
      for (const rows of chunks(part.rows, fanoutRowsMax)) {
        const push = pushOf(conversation, rows);
        const bytes = rowsBytes(rows) + itemOverheadBytes;
        for (const { gatewayId, incarnation, userIds } of conversation.routes) {
          if (userIds.length === 0) continue;
          const gateway = gatewayOf(gatewayId, incarnation);
          for (let from = 0; from < userIds.length; from += usersPerTargetMax) {
            const users =
              from === 0 && userIds.length <= usersPerTargetMax
                ? userIds
                : userIds.slice(from, from + usersPerTargetMax);
            addItem(gateway, pushItem(conversation, users, push), bytes, createdAtMs);
          }
        }
      }
      for (const removal of removalsOf(conversation, part.rows)) {
        const { gatewayId, incarnation, item } = removal;
        addItem(gatewayOf(gatewayId, incarnation), item, itemBytes(item), createdAtMs);
      }
    }
  }
  const downstream: DownstreamRecord[] = [];
  for (const { records } of gateways.values()) for (const record of records) downstream.push(record);
  return { downstream, fanout, feed };
}

/** The users whom a row takes out of its conversation. */
export function removedUserIds({ change }: Message): readonly string[] {
  return change.case === "memberRemoved" || change.case === "memberLeft" ? change.value.userIds : [];
}

/** One push per removing row and gateway of the removed. At most 100 users are removed by a row. */
function removalsOf(conversation: AddressedConversation, rows: readonly AddressedRow[]) {
  const { extraRoutes = [] } = conversation;
  const pushes: { gatewayId: string; incarnation: string; item: DownstreamItem }[] = [];
  if (extraRoutes.length === 0) return pushes;
  for (const { message, originSessionId } of rows) {
    const removed = new Set(removedUserIds(message).map(BigInt));
    if (removed.size === 0) continue;
    const push = pushOf(conversation, [{ $typeName: "gochat.mq.v1.PushRow", message, originSessionId }]);
    for (const { gatewayId, incarnation, userIds } of extraRoutes) {
      const users = userIds.filter((userId) => removed.has(userId));
      if (users.length > 0) pushes.push({ gatewayId, incarnation, item: pushItem(conversation, users, push) });
    }
  }
  return pushes;
}

interface GatewayRecords {
  readonly gatewayId: string;
  readonly incarnation: string;
  readonly records: DownstreamRecord[];
  /** Of the last record. */
  items: DownstreamItem[] | undefined;
  bytes: number;
}

function addItem(gateway: GatewayRecords, item: DownstreamItem, bytes: number, createdAtMs: bigint): void {
  if (gateway.items === undefined || gateway.bytes + bytes > recordBytesMax) {
    const items: DownstreamItem[] = [];
    const { gatewayId, incarnation } = gateway;
    gateway.items = items;
    gateway.bytes = 0;
    gateway.records.push({ $typeName: "gochat.mq.v1.DownstreamRecord", gatewayId, incarnation, createdAtMs, items });
  }
  gateway.items.push(item);
  gateway.bytes += bytes;
}

interface SessionAcks {
  readonly gatewayId: string;
  readonly incarnation: string;
  readonly acks: Ack[];
}

/** Acks of one item, so that one session's storm of failures still fits its record. */
const acksPerItemMax = 500;

function acksBySession(acks: readonly AddressedAck[]): SessionAcks[] {
  const all: SessionAcks[] = [];
  const open = new Map<string, SessionAcks>();
  for (const { gatewayId, incarnation, ack } of acks) {
    const known = open.get(ack.sessionId);
    // A session is on one gateway; the same id elsewhere is another life of it.
    if (known?.incarnation === incarnation && known.gatewayId === gatewayId && known.acks.length < acksPerItemMax) {
      known.acks.push(ack);
      continue;
    }
    const made = { gatewayId, incarnation, acks: [ack] };
    open.set(ack.sessionId, made);
    all.push(made);
  }
  return all;
}

/** Rows that travel the same way. A row that switches the room on is listed, one that switches it off is the room's last
 *  (spec 50 §3): so the mode before a switch is the opposite of what it says. */
function partsOf(conversation: AddressedConversation): { room: boolean; rows: readonly AddressedRow[] }[] {
  const { rows, isRoom } = conversation;
  const first = rows.find(({ message }) => message.change.case === "roomMode")?.message.change;
  if (first?.case !== "roomMode") return [{ room: isRoom, rows }];
  let room = !first.value.room;
  const parts: { room: boolean; rows: AddressedRow[] }[] = [];
  for (const row of rows) {
    const part = parts.at(-1);
    if (part?.room === room) part.rows.push(row);
    else parts.push({ room, rows: [row] });
    const { change } = row.message;
    if (change.case === "roomMode") room = change.value.room;
  }
  return parts;
}

/** Runs of rows within `rowsMax` and the bytes of a record. */
function chunks(rows: readonly AddressedRow[], rowsMax: number): PushRow[][] {
  const all: PushRow[][] = [];
  let chunk: PushRow[] = [];
  let bytes = itemOverheadBytes;
  for (const { message, originSessionId } of rows) {
    const size = messageBytes(message) + rowOverheadBytes;
    if (chunk.length > 0 && (chunk.length >= rowsMax || bytes + size > recordBytesMax)) {
      all.push(chunk);
      chunk = [];
      bytes = itemOverheadBytes;
    }
    chunk.push({ $typeName: "gochat.mq.v1.PushRow", message, originSessionId });
    bytes += size;
  }
  if (chunk.length > 0) all.push(chunk);
  return all;
}

/** Room for ids, tags and 1000 recipients. */
const itemOverheadBytes = 9 * 1024;
const rowOverheadBytes = 48;

function pushOf({ conversationId, membersSeq }: AddressedConversation, rows: PushRow[]): PushMessages {
  return { $typeName: "gochat.mq.v1.PushMessages", conversationId, membersSeq, rows };
}

function pushItem(conversation: AddressedConversation, users: readonly bigint[], push: PushMessages): DownstreamItem {
  return {
    $typeName: "gochat.mq.v1.DownstreamItem",
    traceId: conversation.traceId ?? "",
    target: { case: "users", value: { $typeName: "gochat.mq.v1.UserTarget", userIds: users as bigint[] } },
    body: { case: "push", value: push },
    ttlMs: 0n,
  };
}

function ackItem(acks: Ack[]): DownstreamItem {
  return {
    $typeName: "gochat.mq.v1.DownstreamItem",
    traceId: "",
    target: {
      case: "sessions",
      value: { $typeName: "gochat.mq.v1.SessionTarget", sessionIds: [acks[0]?.sessionId ?? ""] },
    },
    body: { case: "acks", value: { $typeName: "gochat.mq.v1.Acks", acks } },
    ttlMs: 0n,
  };
}

function taskOf(conversation: AddressedConversation, rows: PushRow[]): FanoutTask {
  return {
    $typeName: "gochat.mq.v1.FanoutTask",
    traceId: conversation.traceId ?? "",
    conversationId: conversation.conversationId,
    conversationType: conversation.type,
    membersSeq: conversation.membersSeq,
    rows,
  };
}

function feedOf(conversation: AddressedConversation): PersistenceMessage {
  const rows = conversation.rows.map(({ message }): StoredRow => {
    return {
      $typeName: "gochat.mq.v1.StoredRow",
      seqId: message.seqId,
      messageId: BigInt(message.id),
      kind: message.kind,
      changeType: message.changeType,
      targetMessageId: message.targetMessageId === "" ? 0n : BigInt(message.targetMessageId),
    };
  });
  return {
    $typeName: "gochat.mq.v1.PersistenceMessage",
    traceId: conversation.traceId ?? "",
    conversationId: conversation.conversationId,
    conversationType: conversation.type,
    fromSeq: rows[0]?.seqId ?? 0n,
    toSeq: rows.at(-1)?.seqId ?? 0n,
    rows,
  };
}
