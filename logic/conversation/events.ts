import { create } from "@bufbuild/protobuf";
import { outRecord } from "#infra/mq/mq.ts";
import { uuidv7 } from "#infra/uid/uid.ts";
import type { Conversation } from "#proto/gen/gochat/common/v1/conversation_pb.ts";
import type { Message } from "#proto/gen/gochat/common/v1/message_pb.ts";
import { ConversationEventSchema } from "#proto/gen/gochat/mq/v1/conversation_event_pb.ts";
import {
  MessageEditedSchema,
  type MessageEvent,
  MessageEventSchema,
  MessageRecalledSchema,
} from "#proto/gen/gochat/mq/v1/message_event_pb.ts";
import { topics } from "#proto/topics.ts";
import type { Announce } from "../announce.ts";

export interface EventsDeps {
  readonly announce: Announce;
  readonly clock: () => number;
}

/** Tells the log what happened to conversations. */
export interface ConversationEvents {
  created(conversation: Conversation, creatorId: string, memberIds: readonly string[]): void;
  /** The pointer moved from `fromSeq` (exclusive) to `toSeq`. */
  read(conversationId: string, userId: string, fromSeq: bigint, toSeq: bigint): void;
  /** Of a change row, where its type has an event: recall and edit of messages. */
  changed(row: Message): void;
}

/** The event of a change row; undefined for types without one. */
function messageEventOf({ change, seqId }: Message): { type: string; payload: MessageEvent["payload"] } | undefined {
  if (change.case === "recall") {
    const { messageId, reason } = change.value;
    const value = create(MessageRecalledSchema, { messageId: BigInt(messageId), seqId, reason });
    return { type: "message.recalled", payload: { case: "recalled", value } };
  }
  if (change.case !== "edit") return undefined;
  const value = create(MessageEditedSchema, { messageId: BigInt(change.value.messageId), seqId });
  return { type: "message.edited", payload: { case: "edited", value } };
}

export function createConversationEvents({ announce, clock }: EventsDeps): ConversationEvents {
  return {
    created({ id, type, name }, creatorId, memberIds) {
      const event = create(ConversationEventSchema, {
        eventId: uuidv7(),
        eventType: "conversation.created",
        timestampMs: BigInt(clock()),
        conversationId: id,
        operatorId: BigInt(creatorId),
        payload: { case: "created", value: { type, name, memberIds: memberIds.map(BigInt) } },
      });
      announce(outRecord(topics.conversationEvents, id, event));
    },
    read(conversationId, userId, fromSeq, toSeq) {
      const event = create(MessageEventSchema, {
        eventId: uuidv7(),
        eventType: "message.read",
        timestampMs: BigInt(clock()),
        conversationId,
        operatorId: BigInt(userId),
        payload: { case: "read", value: { fromSeq, seqId: toSeq } },
      });
      announce(outRecord(topics.messageEvents, conversationId, event));
    },
    changed(row) {
      const told = messageEventOf(row);
      if (told === undefined) return;
      const event = create(MessageEventSchema, {
        eventId: uuidv7(),
        eventType: told.type,
        timestampMs: BigInt(clock()),
        conversationId: row.conversationId,
        operatorId: BigInt(row.sender?.id ?? 0),
        payload: told.payload,
      });
      announce(outRecord(topics.messageEvents, row.conversationId, event));
    },
  };
}
