/**
 * The JSON objects of the HTTP API, shared by gateway, SDK and pages. Ids are decimal strings, seqs integers, times Unix
 * seconds. A field that may be absent is absent, never null.
 */

export interface UserInfoJson {
  id: string;
  username: string;
  avatarUrl?: string;
  isGuest?: boolean;
}

export interface UserJson {
  id: string;
  username: string;
  avatarUrl?: string;
  isGuest: boolean;
  /** 0 normal, 1 disabled, 2 deleted. */
  status?: number;
  createdAt: number;
  updatedAt?: number;
}

export interface FileInfoJson {
  fileId: string;
  filename: string;
  /** Bytes. */
  size: number;
  mimeType: string;
  url: string;
  /** SHA-256, lower-case hex. */
  hash?: string;
  thumbnailUrl?: string;
  width?: number;
  height?: number;
  /** Seconds. */
  duration?: number;
}

export interface ReactionJson {
  emoji: string;
  count: number;
  mine: boolean;
}

export type MessageKindName = "message" | "change";

/** One row of a conversation's stream. */
export interface MessageJson {
  id: string;
  conversationId: string;
  senderId: string;
  sender?: UserInfoJson;
  /** 1 text, 2 image, 3 file, 4 system, 5 voice, 6 video. */
  messageType: number;
  content: string;
  seqId: number;
  kind: MessageKindName;
  clientMsgId?: string;
  deleted?: boolean;
  /** JSON text, as the client sent it. */
  extra?: string;
  createdAt: number;
  updatedAt?: number;
  changeType?: string;
  targetMessageId?: string;
  targetSeqId?: number;
  /** The data of the change's own frame. */
  change?: ChangeJson;
  file?: FileInfoJson;
  editedAt?: number;
  reactions?: ReactionJson[];
  mentions?: string[];
  replyTo?: { messageId: string; seqId: number; senderId: string; preview: string };
  forwardedFrom?: { messageId: string; conversationId: string; senderId: string };
  recalledBy?: string;
  recalledAt?: number;
}

/** What every change shares. `seqId` is the change's own. */
export interface ChangeBase {
  id: string;
  conversationId: string;
  seqId: number;
  operatorId: string;
  clientMsgId?: string;
  createdAt: number;
}

/** Which fields it has besides depends on `changeType`. */
export interface ChangeJson extends ChangeBase {
  [field: string]: unknown;
}

export interface ConversationMemberJson {
  userId: string;
  conversationId: string;
  /** 1 member, 2 admin, 3 owner. */
  role: number;
  muted: boolean;
  /** 0 = no end when muted. */
  mutedUntil?: number;
  joinedAt: number;
  updatedAt?: number;
  user?: UserInfoJson;
}

export interface ConversationJson {
  id: string;
  /** 1 single, 2 group, 3 world. */
  type: number;
  name?: string;
  avatarUrl?: string;
  description?: string;
  ownerId?: string;
  memberCount: number;
  settings?: Record<string, unknown>;
  lastMessage?: MessageJson;
  unreadCount?: number;
  updatedAt: number;
  createdAt?: number;
  myMembership?: ConversationMemberJson;
  /** Opaque. */
  version?: string;
  lastActivityAt?: number;
  lastSeqId?: number;
  lastReadSeqId?: number;
  peer?: UserInfoJson;
  pinned?: boolean;
  notifyMuted?: boolean;
  announcement?: Record<string, unknown>;
  members?: ConversationMemberJson[];
}

export interface TokensJson {
  accessToken: string;
  refreshToken: string;
  /** Unix seconds: a time, not a duration. */
  expiresIn: number;
  user?: UserJson;
}

export interface FriendRequestJson {
  id: string;
  requesterId: string;
  targetId: string;
  /** 0 pending, 1 accepted, 2 rejected, 3 blocked. */
  status: number;
  message?: string;
  createdAt: number;
  updatedAt?: number;
  requester?: UserInfoJson;
  target?: UserInfoJson;
}

export interface FriendJson {
  userId: string;
  friendId: string;
  /** 1 friends, 3 blocked. */
  status: number;
  createdAt: number;
  updatedAt?: number;
  friend?: UserInfoJson;
  remark?: string;
  online?: boolean;
  lastSeen?: number;
}

/** A page of history. `complete*` are absent on filtered pages; completeTo < completeFrom = complete for nothing. */
export interface HistoryJson {
  messages: MessageJson[];
  nextCursor?: number;
  hasMore: boolean;
  latestSeqId?: number;
  completeFrom?: number;
  completeTo?: number;
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
