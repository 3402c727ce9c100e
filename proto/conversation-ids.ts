import { ConversationType } from "./gen/gochat/common/v1/conversation_pb.ts";

/** The conversation of everybody. */
export const WORLD_ID = "world";

/** The type that the form of an id says (spec 40 §1): `world`, `single_{lower}_{higher}`, else a group. */
export function conversationTypeOf(conversationId: string): ConversationType {
  if (conversationId === WORLD_ID) return ConversationType.WORLD;
  return conversationId.startsWith("single_") ? ConversationType.SINGLE : ConversationType.GROUP;
}

/** `single_{lower}_{higher}` (spec 40 §1): both sides derive the same id, so creating it twice finds the first. */
export function singleId(a: bigint, b: bigint): string {
  return a < b ? `single_${a}_${b}` : `single_${b}_${a}`;
}

/** The other side of a single conversation, undefined when `userId` is no side of it. */
export function peerOf(conversationId: string, userId: string): string | undefined {
  const [kind, lower, higher] = conversationId.split("_");
  if (kind !== "single") return undefined;
  if (lower === userId) return higher;
  return higher === userId ? lower : undefined;
}

/** Names of the types, as labels of metrics, by their number. */
export const conversationTypes = ["unspecified", "single", "group", "world"] as const satisfies {
  readonly [T in ConversationType]: string;
};
