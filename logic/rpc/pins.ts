import type { ServiceImpl } from "@connectrpc/connect";
import type { ConversationService, Pin } from "#proto/gen/gochat/logic/v1/conversation_service_pb.ts";
import type { Pin as PinRow } from "#proto/gen/gochat/repo/v1/conversation_service_pb.ts";
import type { Changes } from "../changes.ts";
import { requireMember } from "../conversation/access.ts";
import { isVisible } from "../conversation/view.ts";
import type { LogicContext } from "../deps.ts";
import { optionsOf, requireConversationId, requireUserId } from "./arguments.ts";
import { checkChange } from "./message-changes.ts";

type Impl = ServiceImpl<typeof ConversationService>;

/** Pins of gochat.logic.v1.ConversationService. Errors: MESSAGE_NOT_FOUND, NOT_CONVERSATION_MEMBER,
 *  INSUFFICIENT_PERMISSION, MESSAGE_RECALLED, PIN_LIMIT. */
export function pinMethods(
  { repo }: Pick<LogicContext, "repo">,
  changes: Changes,
): Pick<Impl, "pinMessage" | "unpinMessage" | "listPins"> {
  return {
    async pinMessage({ operatorId, messageId, clientMsgId }, call) {
      checkChange(operatorId, messageId, clientMsgId);
      const request = { operatorId, messageId, clientMsgId };
      const { pins } = await changes.run(call, (calls) => repo.conversation.pinMessage(request, calls));
      return { pins: pins.map(shown) };
    },

    async unpinMessage({ operatorId, messageId, clientMsgId }, call) {
      checkChange(operatorId, messageId, clientMsgId);
      const request = { operatorId, messageId, clientMsgId };
      const { pins } = await changes.run(call, (calls) => repo.conversation.unpinMessage(request, calls));
      return { pins: pins.map(shown) };
    },

    async listPins({ operatorId, conversationId }, call) {
      requireUserId(operatorId, "operator_id");
      requireConversationId(conversationId);
      const calls = optionsOf(call);
      const member = await requireMember(repo, conversationId, operatorId, calls);
      const { pins } = await repo.conversation.listPins({ conversationId }, calls);
      const visible = pins.filter((pin) => isVisible(pin.seqId, member));
      if (visible.length === 0) return { pins: [] };
      const messageIds = visible.map((pin) => pin.messageId);
      const { messages } = await repo.message.getMessages({ messageIds, viewerId: operatorId }, calls);
      const byId = new Map(messages.map((message) => [message.id, message]));
      return { pins: visible.map((pin) => ({ ...shown(pin), message: byId.get(pin.messageId) })) };
    },
  };
}

function shown({ messageId, seqId, pinnedBy, createdAt }: PinRow): Pin {
  return { $typeName: "gochat.logic.v1.Pin", messageId, seqId, pinnedBy, createdAt, message: undefined };
}
