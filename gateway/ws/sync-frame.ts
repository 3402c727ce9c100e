import type { ServerFrameData } from "#proto/frames.ts";
import type { Message } from "#proto/gen/gochat/common/v1/message_pb.ts";
import { messageToJson } from "#proto/message-json.ts";
import type { SyncedRows } from "#proto/server-frame-binary.ts";

/** A row as JSON. */
interface RowText {
  readonly text: string;
  readonly bytes: number;
}

/** In one process the rows of a room's window are the same objects in every answer: a wave of syncs writes each once. */
const known = new WeakMap<Message, RowText>();

/** The row as it stands in a `sync-result`, and its bytes. */
export function rowText(row: Message): RowText {
  const found = known.get(row);
  if (found !== undefined) return found;
  const text = JSON.stringify(messageToJson(row));
  const made = { text, bytes: Buffer.byteLength(text) };
  known.set(row, made);
  return made;
}

/** The `sync-result` frame, as `encodeServerFrame` writes it but for the order of the fields. */
export function encodeSyncResultText(
  { conversations, done }: { readonly conversations: readonly SyncedRows[]; readonly done: boolean },
  timestamp: number,
  id?: string,
): string {
  const texts = conversations.map(({ messages, ...rest }) => {
    const fields: Omit<ServerFrameData["sync-result"]["conversations"][number], "messages"> = rest;
    return `${JSON.stringify(fields).slice(0, -1)},"messages":[${messages.map((row) => rowText(row).text).join(",")}]}`;
  });
  const tail = id === undefined ? "" : `,"id":${JSON.stringify(id)}`;
  return `{"type":"sync-result","data":{"conversations":[${texts.join(",")}],"done":${done}},"timestamp":${timestamp}${tail}}`;
}
