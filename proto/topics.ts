import { type DescMessage, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import type { Message } from "./gen/gochat/common/v1/message_pb.ts";
import { type ConversationEvent, ConversationEventSchema } from "./gen/gochat/mq/v1/conversation_event_pb.ts";
import {
  type BroadcastRecord,
  BroadcastRecordSchema,
  type DownstreamItem,
  type DownstreamRecord,
  DownstreamRecordSchema,
  type PushRow,
} from "./gen/gochat/mq/v1/downstream_pb.ts";
import { FriendEventSchema } from "./gen/gochat/mq/v1/friend_event_pb.ts";
import { MessageEventSchema } from "./gen/gochat/mq/v1/message_event_pb.ts";
import { type NotificationEvent, NotificationEventSchema } from "./gen/gochat/mq/v1/notification_event_pb.ts";
import {
  type FanoutTask,
  FanoutTaskSchema,
  type PersistenceMessage,
  PersistenceMessageSchema,
} from "./gen/gochat/mq/v1/stored_pb.ts";
import { type UpstreamMessage, UpstreamMessageSchema } from "./gen/gochat/mq/v1/upstream_pb.ts";
import { UserEventSchema } from "./gen/gochat/mq/v1/user_event_pb.ts";

/** Structurally infra/mq's port of the same name, with what the tools need besides. */
export interface Topic<T> {
  readonly name: string;
  /** Protobuf full name of the value. */
  readonly type: string;
  readonly codec: { encode(value: T): Uint8Array; decode(bytes: Uint8Array): T; sizeOf(value: T): number };
  /** Of a development or embedded installation. */
  readonly partitions: number;
  readonly partitionsProduction: number;
  /** Embedded log: false = memory only. What a crash loses there is resent by a client or owed by the outbox. */
  readonly durable: boolean;
  readonly retentionMs: number;
  readonly recordBytesMax: number;
  readonly deadLetter: boolean;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const MIB = 1024 * 1024;

interface TopicOptions<T> {
  readonly sizeOf: (value: T) => number;
  readonly partitions: readonly [development: number, production: number];
  readonly durable?: boolean;
  readonly retentionMs: number;
  readonly recordBytesMax?: number;
  readonly deadLetter?: boolean;
}

function topic<D extends DescMessage>(
  name: string,
  schema: D,
  options: TopicOptions<MessageShape<D>>,
): Topic<MessageShape<D>> {
  return {
    name,
    type: schema.typeName,
    codec: {
      encode: (value) => toBinary(schema, value),
      decode: (bytes) => fromBinary(schema, bytes),
      sizeOf: options.sizeOf,
    },
    partitions: options.partitions[0],
    partitionsProduction: options.partitions[1],
    durable: options.durable ?? false,
    retentionMs: options.retentionMs,
    recordBytesMax: options.recordBytesMax ?? MIB,
    deadLetter: options.deadLetter ?? false,
  };
}

/** Upper estimates in bytes: a UTF-16 unit is at most 3 bytes of UTF-8; ids, times and tags are covered by constants. */
const ROW_BYTES = 320;
const RECORD_BYTES = 192;
const EVENT_BYTES = 1024;
const USER_ID_BYTES = 8;
const IDS_PER_EVENT_MAX = 1000;

export function messageBytes(message: Message): number {
  let bytes = ROW_BYTES + 3 * (message.content.length + message.extra.length + (message.sender?.avatarUrl.length ?? 0));
  bytes += message.clientMsgId.length + message.mentions.length * 24;
  // Changes, files, reactions and quotes are rare: a flat allowance each.
  if (message.change.case !== undefined) bytes += changeBytes(message);
  if (message.file !== undefined) bytes += 2048;
  if (message.replyTo !== undefined) bytes += 512;
  return bytes + message.reactions.length * 48;
}

function changeBytes(message: Message): number {
  const { change } = message;
  switch (change.case) {
    case "edit":
      return 128 + change.value.content.length * 3;
    case "memberAdded":
      return 64 + change.value.members.length * 112;
    case "memberRemoved":
    case "memberLeft":
      return 64 + change.value.userIds.length * 24;
    case "infoUpdated":
      return 256 + change.value.conversation.length * 3;
    default:
      return 1024;
  }
}

export function rowsBytes(rows: readonly PushRow[]): number {
  let bytes = RECORD_BYTES;
  for (const row of rows) bytes += (row.message === undefined ? 0 : messageBytes(row.message)) + 48;
  return bytes;
}

export function itemBytes(item: DownstreamItem): number {
  let bytes = RECORD_BYTES;
  if (item.target.case === "users") bytes += item.target.value.userIds.length * USER_ID_BYTES;
  else if (item.target.case === "sessions") bytes += item.target.value.sessionIds.length * 40;
  switch (item.body.case) {
    case "push":
      return bytes + rowsBytes(item.body.value.rows);
    case "acks":
      return bytes + item.body.value.acks.length * 512;
    case "signal":
      return bytes + item.body.value.payload.length + 64;
    default:
      return bytes + EVENT_BYTES;
  }
}

function upstreamBytes(value: UpstreamMessage): number {
  return (
    ROW_BYTES + 3 * (value.content.length + value.extra.length) + value.clientMsgId.length + value.mentions.length * 8
  );
}

function downstreamBytes(value: DownstreamRecord): number {
  let bytes = RECORD_BYTES;
  for (const item of value.items) bytes += itemBytes(item);
  return bytes;
}

function broadcastBytes(value: BroadcastRecord): number {
  return value.body.case === "push" ? RECORD_BYTES + rowsBytes(value.body.value.rows) : EVENT_BYTES;
}

function feedBytes(value: PersistenceMessage): number {
  return RECORD_BYTES + value.rows.length * 64;
}

function fanoutBytes(value: FanoutTask): number {
  return RECORD_BYTES + rowsBytes(value.rows);
}

const eventBytes = (): number => EVENT_BYTES;

/** Names, partitions and retention are part of the installation: partitions of the first three never change. */
export const topics = {
  upstream: topic("gochat.messages.upstream", UpstreamMessageSchema, {
    sizeOf: upstreamBytes,
    partitions: [6, 64],
    retentionMs: HOUR,
    deadLetter: true,
  }),
  persist: topic("gochat.messages.persist", PersistenceMessageSchema, {
    sizeOf: feedBytes,
    partitions: [6, 64],
    retentionMs: 7 * DAY,
    deadLetter: true,
  }),
  broadcast: topic("gochat.messages.broadcast", BroadcastRecordSchema, {
    sizeOf: broadcastBytes,
    partitions: [6, 16],
    retentionMs: HOUR,
    recordBytesMax: 2 * MIB,
  }),
  fanout: topic("gochat.tasks.fanout", FanoutTaskSchema, {
    sizeOf: fanoutBytes,
    partitions: [3, 32],
    retentionMs: 7 * DAY,
    recordBytesMax: 2 * MIB,
    deadLetter: true,
  }),
  userEvents: topic("gochat.user-events", UserEventSchema, {
    sizeOf: eventBytes,
    partitions: [3, 16],
    retentionMs: 7 * DAY,
    durable: true,
    deadLetter: true,
  }),
  conversationEvents: topic("gochat.conversation-events", ConversationEventSchema, {
    sizeOf: conversationEventBytes,
    partitions: [3, 16],
    retentionMs: 7 * DAY,
    durable: true,
    deadLetter: true,
  }),
  messageEvents: topic("gochat.message-events", MessageEventSchema, {
    sizeOf: eventBytes,
    partitions: [6, 16],
    retentionMs: 7 * DAY,
    durable: true,
    deadLetter: true,
  }),
  friendEvents: topic("gochat.friend-events", FriendEventSchema, {
    sizeOf: eventBytes,
    partitions: [3, 8],
    retentionMs: 7 * DAY,
    durable: true,
    deadLetter: true,
  }),
  notifications: topic("gochat.notifications", NotificationEventSchema, {
    sizeOf: notificationBytes,
    partitions: [3, 16],
    retentionMs: 7 * DAY,
    durable: true,
    deadLetter: true,
  }),
} as const;

function conversationEventBytes({ payload }: ConversationEvent): number {
  if (payload.case === "memberAdded" || payload.case === "created")
    return EVENT_BYTES + USER_ID_BYTES * IDS_PER_EVENT_MAX;
  if (payload.case !== "infoUpdated") return EVENT_BYTES;
  const { oldValues, newValues } = payload.value;
  const texts = [...Object.values(oldValues), ...Object.values(newValues)];
  return texts.reduce((bytes, text) => bytes + 3 * text.length, EVENT_BYTES);
}

function notificationBytes(value: NotificationEvent): number {
  if (value.payload.case !== "systemAnnouncement") return EVENT_BYTES;
  return EVENT_BYTES + 3 * (value.payload.value.title.length + value.payload.value.content.length);
}

/** One partition, read by one gateway; the record's incarnation says for which life of it. */
export function downstreamTopic(gatewayId: string): Topic<DownstreamRecord> {
  return topic(`gochat.messages.downstream.${gatewayId}`, DownstreamRecordSchema, {
    sizeOf: downstreamBytes,
    partitions: [1, 1],
    retentionMs: HOUR,
    recordBytesMax: 2 * MIB,
  });
}

const byName = new Map<string, Topic<never>>(Object.values(topics).map((one) => [one.name, one as Topic<never>]));
const downstreamPrefix = "gochat.messages.downstream.";

/** The topic of this name; undefined for one that the program does not have. */
export function topicNamed(name: string): Topic<never> | undefined {
  if (name.startsWith(downstreamPrefix)) return downstreamTopic(name.slice(downstreamPrefix.length)) as Topic<never>;
  return byName.get(name);
}

export const groups = {
  upstream: "logic.upstream.group",
  fanout: "task.fanout.group",
  index: "task.index.group",
  notify: "task.notify.group",
  webhook: "task.webhook.group",
  events: "task.events.group",
  notifications: "notification.events.group",
  downstream: (gatewayId: string, incarnation: string) => `gateway.downstream.group.${gatewayId}.${incarnation}`,
  broadcast: (gatewayId: string, incarnation: string) => `gateway.broadcast.group.${gatewayId}.${incarnation}`,
} as const;
