import { create } from "@bufbuild/protobuf";
import { type OutRecord, outRecord } from "#infra/mq/mq.ts";
import { uuidv7 } from "#infra/uid/uid.ts";
import type { ErrorName } from "#proto/errors.ts";
import { type Conversation, ConversationType } from "#proto/gen/gochat/common/v1/conversation_pb.ts";
import type { Message } from "#proto/gen/gochat/common/v1/message_pb.ts";
import { ConversationEventSchema } from "#proto/gen/gochat/mq/v1/conversation_event_pb.ts";
import { type MessageEvent, MessageEventSchema } from "#proto/gen/gochat/mq/v1/message_event_pb.ts";
import { NotificationEventSchema } from "#proto/gen/gochat/mq/v1/notification_event_pb.ts";
import type { UpstreamMessage } from "#proto/gen/gochat/mq/v1/upstream_pb.ts";
import type { UpdateReadPointerResponse } from "#proto/gen/gochat/repo/v1/conversation_service_pb.ts";
import type { ChangeFacts } from "#proto/gen/gochat/repo/v1/routes_pb.ts";
import { topics } from "#proto/topics.ts";
import type { Announce } from "../announce.ts";
import { conversationEventsOf, type Invitation, invitationsOf, messageEventOf } from "./change-events.ts";

export interface EventsDeps {
  readonly announce: Announce;
  readonly clock: () => number;
}

/** Tells the log what happened to conversations. Never waits and never throws. */
export interface ConversationEvents {
  /** Everybody else in a group is told to have been invited. */
  created(conversation: Conversation, creatorId: string, memberIds: readonly string[]): void;
  /** The pointer moved: from (exclusive), to, and the row there. */
  read(conversationId: string, userId: string, moved: Moved): void;
  /** Of a change row: its events of the message, of the conversation, and the invitations. */
  changed(row: Message, facts: ChangeFacts | undefined): void;
  /** A send that was refused before the commit. */
  sendFailed(send: Pick<UpstreamMessage, "conversationId" | "userId" | "clientMsgId">, code: ErrorName): void;
}

type Moved = Pick<UpdateReadPointerResponse, "previousSeqId" | "lastReadSeqId" | "messageId">;

/** Notifications that are handed to the log together. */
const invitationsMax = 500;

export function createConversationEvents({ announce, clock }: EventsDeps): ConversationEvents {
  const stamp = (eventType: string) => ({ eventId: uuidv7(), eventType, timestampMs: BigInt(clock()) });

  function messageEvent(conversationId: string, operatorId: bigint, type: string, payload: MessageEvent["payload"]) {
    const event = create(MessageEventSchema, { ...stamp(type), conversationId, operatorId, payload });
    return outRecord(topics.messageEvents, conversationId, event);
  }

  function invite(invitations: readonly Invitation[]): void {
    for (let from = 0; from < invitations.length; from += invitationsMax) {
      const records = invitations.slice(from, from + invitationsMax).map((invitation): OutRecord => {
        const event = create(NotificationEventSchema, { ...stamp("conversation.invited"), ...invitation });
        return outRecord(topics.notifications, event.targetUserId.toString(), event);
      });
      announce(...records);
    }
  }

  return {
    created({ id, type, name }, creatorId, memberIds) {
      const members = memberIds.map(BigInt);
      const inviterId = BigInt(creatorId);
      const payload = { case: "created" as const, value: { type, name, memberIds: members } };
      const fields = { ...stamp("conversation.created"), conversationId: id, operatorId: inviterId, payload };
      announce(outRecord(topics.conversationEvents, id, create(ConversationEventSchema, fields)));
      if (type !== ConversationType.GROUP) return;
      const others = members.filter((member) => member !== inviterId);
      invite(invitationsOf(others, { conversationId: id, name, inviterId }));
    },

    read(conversationId, userId, { previousSeqId: fromSeq, lastReadSeqId: seqId, messageId }) {
      const payload = {
        case: "read" as const,
        value: { $typeName: "gochat.mq.v1.MessageRead" as const, fromSeq, seqId, messageId: BigInt(messageId || 0) },
      };
      announce(messageEvent(conversationId, BigInt(userId), "message.read", payload));
    },

    changed(row, facts) {
      const { conversationId, seqId, change } = row;
      const operatorId = BigInt(row.sender?.id ?? 0);
      const message = messageEventOf(row);
      if (message !== undefined) announce(messageEvent(conversationId, operatorId, message.type, message.payload));
      const events = conversationEventsOf(row, facts).map(({ type, payload }): OutRecord => {
        const fields = { ...stamp(type), conversationId, operatorId, seqId, payload };
        return outRecord(topics.conversationEvents, conversationId, create(ConversationEventSchema, fields));
      });
      announce(...events);
      const name = facts?.invitedTo ?? "";
      if (change.case !== "memberAdded" || name === "") return;
      const added = change.value.members.map(({ userId }) => BigInt(userId));
      invite(invitationsOf(added, { conversationId, name, inviterId: operatorId }));
    },

    sendFailed({ conversationId, userId, clientMsgId }, code) {
      const value = { $typeName: "gochat.mq.v1.MessageSendFailed" as const, clientMsgId, errorCode: code };
      announce(messageEvent(conversationId, userId, "message.send.failed", { case: "sendFailed", value }));
    },
  };
}
