import { ConversationType } from "./gen/gochat/common/v1/conversation_pb.ts";

/** The conversation of everybody. */
export const WORLD_ID = "world";

/** The type that the form of an id says (spec 40 §1): `world`, `single_{lower}_{higher}`, else a group. */
export function conversationTypeOf(conversationId: string): ConversationType {
  if (conversationId === WORLD_ID) return ConversationType.WORLD;
  return conversationId.startsWith("single_") ? ConversationType.SINGLE : ConversationType.GROUP;
}
