import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type ConversationMemberRole, ConversationType } from "#proto/gen/gochat/common/v1/conversation_pb.ts";
import type { Message } from "#proto/gen/gochat/common/v1/message_pb.ts";
import type { ConversationEventSchema } from "#proto/gen/gochat/mq/v1/conversation_event_pb.ts";
import {
  MessageEditedSchema,
  type MessageEvent,
  MessageRecalledSchema,
} from "#proto/gen/gochat/mq/v1/message_event_pb.ts";
import type { NotificationEventSchema } from "#proto/gen/gochat/mq/v1/notification_event_pb.ts";
import type { ChangeFacts } from "#proto/gen/gochat/repo/v1/routes_pb.ts";

type InfoChange = Extract<Message["change"], { case: "infoUpdated" }>["value"];

/** An event without the fields that all have. */
export interface Told<E extends { readonly payload: unknown }> {
  readonly type: string;
  readonly payload: E["payload"];
}

/** The event of a message that a change row tells of; undefined for rows that concern none, and for reactions. */
export function messageEventOf({ change, seqId }: Message): Told<MessageEvent> | undefined {
  if (change.case === "recall") {
    const { messageId, reason } = change.value;
    const value = create(MessageRecalledSchema, { messageId: BigInt(messageId), seqId, reason });
    return { type: "message.recalled", payload: { case: "recalled", value } };
  }
  if (change.case !== "edit") return undefined;
  const value = create(MessageEditedSchema, { messageId: BigInt(change.value.messageId), seqId });
  return { type: "message.edited", payload: { case: "edited", value } };
}

type Payload = NonNullable<MessageInitShape<typeof ConversationEventSchema>["payload"]>;

/** The events of a conversation that a change row tells of (spec 50 §3): one, and for a removal one per person; none for
 *  rows that concern a message alone, but pins. */
export function conversationEventsOf(
  row: Message,
  facts: ChangeFacts | undefined,
): { readonly type: string; readonly payload: Payload }[] {
  const { change } = row;
  const operatorId = BigInt(row.sender?.id ?? 0);
  switch (change.case) {
    case "memberAdded": {
      const addedUserIds = change.value.members.map(({ userId }) => BigInt(userId));
      const value = { addedUserIds, addedBy: operatorId };
      return [{ type: "conversation.member.added", payload: { case: "memberAdded", value } }];
    }
    case "memberRemoved":
      return removedOf(change.value.userIds, operatorId, change.value.reason);
    case "memberLeft":
      return removedOf(change.value.userIds, operatorId, "left");
    case "memberRole": {
      const value = {
        userId: BigInt(change.value.userId),
        oldRole: Number(facts?.oldValues.role ?? 0) as ConversationMemberRole,
        newRole: change.value.role as ConversationMemberRole,
      };
      return [{ type: "conversation.member.role.updated", payload: { case: "memberRoleUpdated", value } }];
    }
    case "memberMute": {
      const { userId, muted, mutedUntil } = change.value;
      const value = { userId: BigInt(userId), muted, mutedUntilMs: mutedUntil * 1000n };
      return [{ type: "conversation.member.muted", payload: { case: "memberMuted", value } }];
    }
    case "infoUpdated":
      return [infoOf(change.value, facts)];
    case "dissolved":
      return [
        { type: "conversation.dissolved", payload: { case: "dissolved", value: { reason: change.value.reason } } },
      ];
    case "pin":
    case "unpin": {
      const value = { messageId: BigInt(change.value.messageId), removed: change.case === "unpin" };
      return [{ type: "conversation.pinned", payload: { case: "pinned", value } }];
    }
    case "roomMode": {
      const { room, memberCount } = change.value;
      return [{ type: "conversation.room_mode", payload: { case: "roomMode", value: { room, memberCount } } }];
    }
    default:
      return [];
  }
}

function removedOf(userIds: readonly string[], removedBy: bigint, reason: string) {
  return userIds.map((userId) => {
    const value = { removedUserId: BigInt(userId), removedBy, reason };
    return { type: "conversation.member.removed", payload: { case: "memberRemoved" as const, value } };
  });
}

/** An announcement is a row of the same kind, and an event of its own. */
function infoOf({ changed, conversation }: InfoChange, facts: ChangeFacts | undefined) {
  if (changed.includes("announcement")) {
    const value = { announcementId: BigInt(facts?.announcementId || 0) };
    return { type: "conversation.announcement.updated", payload: { case: "announcementUpdated" as const, value } };
  }
  const values = Object.entries(JSON.parse(conversation) as Record<string, unknown>);
  const newValues = Object.fromEntries(
    values.map(([name, value]) => [name, typeof value === "string" ? value : JSON.stringify(value)]),
  );
  const value = { updatedFields: changed, oldValues: facts?.oldValues ?? {}, newValues };
  return { type: "conversation.info.updated", payload: { case: "infoUpdated" as const, value } };
}

export type Invitation = Pick<MessageInitShape<typeof NotificationEventSchema>, "targetUserId" | "payload">;

/** What is told to people who find themselves in a group (`conversation.invited`). */
export function invitationsOf(
  userIds: readonly bigint[],
  group: { readonly conversationId: string; readonly name: string; readonly inviterId: bigint },
): Invitation[] {
  const value = { ...group, type: ConversationType.GROUP };
  return userIds.map((targetUserId) => ({ targetUserId, payload: { case: "conversationInvited", value } }));
}
