import { JSON_SUBPROTOCOL } from "#proto/frames.ts";
import { type Dialect, type Heard, type RowBatch, rowBatch } from "./dialect.ts";

interface RowJson {
  readonly id: string;
  readonly conversationId: string;
  readonly seqId: number;
  readonly content?: string;
}

/** `gochat.v1.json`, as a client that takes joined frames. */
export const jsonDialect: Dialect = {
  path: "/ws?v=1&platform=bot",
  subprotocol: JSON_SUBPROTOCOL,
  readyAtUpgrade: false,
  hear: (payload) => heard(payload.toString()),
  send: (messages) =>
    messages.map(({ conversationId, content, clientMsgId }) =>
      JSON.stringify({
        type: "send-message",
        data: { conversationId, content, messageType: 1, client_msg_id: clientMsgId },
      }),
    ),
  sync: (conversations) => JSON.stringify({ type: "sync", data: { conversations, limit: 100 } }),
};

export function rowsOfJson(conversationId: string, rows: readonly RowJson[]): RowBatch {
  return rowBatch(
    conversationId,
    rows.map(({ seqId, id, content }) => ({ seq: seqId, id, content: content ?? "" })),
  );
}

interface SyncResultJson {
  readonly conversations: readonly { readonly id: string; readonly messages: readonly RowJson[] }[];
}

function syncedRows({ conversations }: SyncResultJson): RowBatch[] {
  return conversations
    .filter(({ messages }) => messages.length > 0)
    .map(({ id, messages }) => rowsOfJson(id, messages));
}

function heard(text: string): Heard {
  const { type, data } = JSON.parse(text) as { type: string; data: Record<string, unknown> };
  switch (type) {
    case "new-message": {
      const row = data as unknown as RowJson;
      return { kind: "rows", batch: rowsOfJson(row.conversationId, [row]) };
    }
    case "new-messages": {
      const { conversationId, messages, missed } = data as unknown as {
        conversationId: string;
        messages: readonly RowJson[];
        missed?: { fromSeq: number; toSeq: number };
      };
      const batch = rowsOfJson(conversationId, messages);
      return { kind: "rows", batch, missed: missed === undefined ? undefined : { conversationId, ...missed } };
    }
    case "missed":
      return { kind: "missed", range: data as unknown as { conversationId: string; fromSeq: number; toSeq: number } };
    case "message-ack":
      return {
        kind: "ack",
        ack: {
          clientMsgId: String(data.client_msg_id),
          messageId: String(data.messageId),
          seqId: Number(data.seqId),
          success: data.status === "success",
        },
      };
    case "connected":
      return { kind: "connected" };
    case "sync-result":
      return { kind: "synced", batches: syncedRows(data as unknown as SyncResultJson) };
    case "error":
      return { kind: "error", code: String(data.code) };
    default:
      return { kind: "other" };
  }
}
