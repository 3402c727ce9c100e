/**
 * The JSON objects of the HTTP API, shared by gateway, SDK and pages: types of the schemas in `schemas/objects.ts`. Ids are
 * decimal strings, seqs integers, times Unix seconds. A field that may be absent is absent, never null.
 */
import type { z } from "zod";
import type * as schemas from "./schemas/objects.ts";

export type UserInfoJson = z.infer<typeof schemas.userInfo>;
export type UserJson = z.infer<typeof schemas.user>;
export type FileInfoJson = z.infer<typeof schemas.fileInfo>;
export type ReactionJson = z.infer<typeof schemas.reaction>;
export type MessageKindName = z.infer<typeof schemas.messageKind>;
/** One row of a conversation's stream. */
export type MessageJson = z.infer<typeof schemas.message>;
/** Which fields it has besides those of ChangeBase depends on `changeType`. */
export type ChangeJson = z.infer<typeof schemas.change>;
export type ConversationMemberJson = z.infer<typeof schemas.conversationMember>;
export type ConversationJson = z.infer<typeof schemas.conversation>;
export type AnnouncementJson = z.infer<typeof schemas.announcement>;
export type DraftJson = z.infer<typeof schemas.draft>;
export type TokensJson = z.infer<typeof schemas.tokens>;
export type LoginSessionJson = z.infer<typeof schemas.loginSession>;
export type FriendRequestJson = z.infer<typeof schemas.friendRequest>;
export type FriendJson = z.infer<typeof schemas.friend>;
/** A page of history. `complete*` are absent on filtered pages; completeTo < completeFrom = complete for nothing. */
export type HistoryJson = z.infer<typeof schemas.history>;

/** What every change shares. `seqId` is the change's own. */
export interface ChangeBase {
  id: string;
  conversationId: string;
  seqId: number;
  operatorId: string;
  clientMsgId?: string;
  createdAt: number;
}

export interface SuccessEnvelope<T> {
  success: true;
  message: string;
  data?: T;
}

export interface ErrorEnvelope {
  success: false;
  message: string;
  code: string;
  traceId?: string;
  details?: Record<string, unknown>;
}
