import type { MessageJson as Message } from "#proto/objects.ts";
import { type FrameData, rowOfFrame } from "./changes.ts";
import type { Stored } from "./outbox.ts";
import type { RawFrame } from "./socket.ts";

/** What a frame of the server asks the client to do. */
export interface FrameTargets {
  /** `sessionId` of this socket. */
  connected(sessionId: string | undefined): void;
  row(row: Message): void;
  missed(conversationId: string, toSeq: number): void;
  /** undefined = every conversation. */
  resync(conversationIds: readonly string[] | undefined): void;
  /** Something about the list of conversations changed. */
  listChanged(): void;
  /** The own read position. */
  read(conversationId: string, seqId: number, unreadCount: number | undefined): void;
  stored(clientMsgId: string, stored: Stored): void;
  failed(clientMsgId: string, code: string): void;
  /** Somebody else's read position. */
  receipt(conversationId: string, userId: string, seqId: number): void;
  typing(conversationId: string, userId: string, typing: boolean): void;
  /** An `error` frame for the frame with this id. */
  refused(frameId: string, code: string, retryAfterMs: number | undefined): void;
  /** A draft of the user, changed on another device. */
  draft(data: FrameData): void;
  /** Who is signed in. */
  me(): string | undefined;
}

type Reader = (data: FrameData, targets: FrameTargets, frame: RawFrame) => void;

const readers: Readonly<Record<string, Reader>> = {
  connected: ({ sessionId }, targets) => targets.connected(typeof sessionId === "string" ? sessionId : undefined),
  "new-messages": messages,
  "message-ack": ack,
  error: refusal,
  missed,
  resync: (data, targets) =>
    targets.resync(Array.isArray(data.conversationIds) ? data.conversationIds.map(String) : undefined),
  "read-ack": read,
  "message-read": (data, targets) => {
    const { conversationId, userId, lastReadSeqId } = data;
    if (userId === targets.me()) read(data, targets);
    else if (typeof conversationId === "string" && typeof userId === "string" && typeof lastReadSeqId === "number")
      targets.receipt(conversationId, userId, lastReadSeqId);
  },
  "typing-indicator": ({ conversationId, userId, typing }, targets) => {
    if (typeof conversationId === "string" && typeof userId === "string")
      targets.typing(conversationId, userId, typing === true);
  },
  "draft-updated": (data, targets) => targets.draft(data),
  "friend-added": (_data, targets) => targets.listChanged(),
};

/** Reads one frame of spec 20 §5. Frames that are unknown or misshapen do nothing: a newer server may send them. */
export function routeFrame(frame: RawFrame, targets: FrameTargets): void {
  const data = (typeof frame.data === "object" && frame.data !== null ? frame.data : {}) as FrameData;
  const reader = Object.hasOwn(readers, frame.type) ? readers[frame.type] : undefined;
  if (reader === undefined) row(frame.type, data, targets);
  else reader(data, targets, frame);
}

function row(type: string, data: FrameData, targets: FrameTargets): void {
  const found = rowOfFrame(type, data);
  if (found !== undefined) targets.row(found);
  // A conversation that is new to this user: what the list says of it is in no frame.
  else if (type === "conversation-updated") targets.listChanged();
}

function messages(data: FrameData, targets: FrameTargets): void {
  for (const item of Array.isArray(data.messages) ? (data.messages as FrameData[]) : []) {
    const found = rowOfFrame("new-message", { conversationId: data.conversationId, ...item });
    if (found !== undefined) targets.row(found);
  }
  const left = data.missed;
  if (typeof left === "object" && left !== null) missed({ conversationId: data.conversationId, ...left }, targets);
}

function missed(data: FrameData, targets: FrameTargets): void {
  const { conversationId, toSeq } = data;
  if (typeof conversationId === "string" && typeof toSeq === "number") targets.missed(conversationId, toSeq);
}

function ack(data: FrameData, targets: FrameTargets): void {
  const clientMsgId = data.client_msg_id;
  if (typeof clientMsgId !== "string") return;
  if (data.status === "failed") targets.failed(clientMsgId, String(data.code ?? "INTERNAL_ERROR"));
  if (data.status !== "success") return;
  targets.stored(clientMsgId, {
    messageId: String(data.messageId ?? ""),
    seqId: typeof data.seqId === "number" ? data.seqId : undefined,
    createdAt: typeof data.createdAt === "number" ? data.createdAt : undefined,
  });
}

/** An `error` frame that answers a send carries the id of that frame, which is the `client_msg_id`. */
function refusal(data: FrameData, targets: FrameTargets, frame: RawFrame): void {
  if (typeof frame.id !== "string") return;
  const details = (data.details ?? {}) as FrameData;
  const waitMs = typeof details.retryAfterMs === "number" ? details.retryAfterMs : undefined;
  targets.refused(frame.id, String(data.code ?? "INTERNAL_ERROR"), waitMs);
}

function read(data: FrameData, targets: FrameTargets): void {
  const { conversationId, lastReadSeqId, unreadCount } = data;
  if (typeof conversationId !== "string" || typeof lastReadSeqId !== "number") return;
  targets.read(conversationId, lastReadSeqId, typeof unreadCount === "number" ? unreadCount : undefined);
}
