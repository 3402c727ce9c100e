import { type DescMessage, fromJsonString, toJsonString } from "@bufbuild/protobuf";
import {
  DissolvedChangeSchema,
  EditChangeSchema,
  InfoUpdatedChangeSchema,
  MemberAddedChangeSchema,
  MemberLeftChangeSchema,
  MemberMuteChangeSchema,
  MemberRemovedChangeSchema,
  MemberRoleChangeSchema,
  PinChangeSchema,
  ReactionChangeSchema,
  RecallChangeSchema,
  RoomModeChangeSchema,
  UnpinChangeSchema,
} from "#proto/gen/gochat/common/v1/change_pb.ts";
import type { Message } from "#proto/gen/gochat/common/v1/message_pb.ts";

/** What a change row says: one of the payloads of `common/v1/change.proto`. */
export type ChangePayload = Exclude<Message["change"], { case: undefined }>;

/** By the `change_type` of spec 50 §3: the name of the payload, and its schema. */
const types = {
  recall: ["recall", RecallChangeSchema],
  edit: ["edit", EditChangeSchema],
  reaction: ["reaction", ReactionChangeSchema],
  pin: ["pin", PinChangeSchema],
  unpin: ["unpin", UnpinChangeSchema],
  member_added: ["memberAdded", MemberAddedChangeSchema],
  member_removed: ["memberRemoved", MemberRemovedChangeSchema],
  member_left: ["memberLeft", MemberLeftChangeSchema],
  member_role: ["memberRole", MemberRoleChangeSchema],
  member_mute: ["memberMute", MemberMuteChangeSchema],
  info_updated: ["infoUpdated", InfoUpdatedChangeSchema],
  room_mode: ["roomMode", RoomModeChangeSchema],
  dissolved: ["dissolved", DissolvedChangeSchema],
} as const satisfies Record<string, readonly [ChangePayload["case"], DescMessage]>;

export type ChangeType = keyof typeof types;

export function isChangeType(text: string): text is ChangeType {
  return Object.hasOwn(types, text);
}

const typeOfCase = new Map(Object.entries(types).map(([type, [name]]) => [name, type]));

export function changeTypeOf(change: ChangePayload): ChangeType {
  return typeOfCase.get(change.case) as ChangeType;
}

/** The payload as the `meta` of its row. The new text of an edit is not kept there but read from the message, so that a
 *  recall takes it away everywhere. */
export function changeMeta(change: ChangePayload): string {
  const [, schema] = types[changeTypeOf(change)];
  if (change.case === "edit") return toJsonString(EditChangeSchema, { ...change.value, content: "" });
  return toJsonString(schema as DescMessage, change.value);
}

/** The payload of a stored row. A type of a newer program is told as no change: its seq still counts. */
export function changeOf(changeType: string | null, meta: string | null): Message["change"] {
  if (changeType === null || meta === null || !isChangeType(changeType)) return { case: undefined };
  const [name, schema] = types[changeType];
  return { case: name, value: fromJsonString(schema as DescMessage, meta) } as unknown as ChangePayload;
}
