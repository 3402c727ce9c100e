import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { createBytesMemo } from "#infra/memo/memo.ts";
import { joinRows, RawList } from "#infra/rpc/raw-list.ts";
import {
  type Conversation,
  ConversationSchema,
  ConversationType,
} from "#proto/gen/gochat/common/v1/conversation_pb.ts";
import type { ConversationDetails } from "#proto/gen/gochat/repo/v1/conversation_service_pb.ts";

/** Of rows, and of whole pages: those of repo and what was made of them, both encoded. */
const rowsBytesMax = 32 * 1024 * 1024;
const pagesBytesMax = 32 * 1024 * 1024;

const decode = (row: Uint8Array): Conversation => fromBinary(ConversationSchema, row);

/** Turns the rows of whole lists into those that the caller is shown, one for one. A row with the same bytes as one before is
 *  shown by the bytes of then, and so is a page: all that is shown of it is in it, the caller's own membership included. `show`
 *  makes the others, in their order; undefined where it left one out. */
export function createListRows() {
  const shownRows = createBytesMemo<Uint8Array>(rowsBytesMax);
  const shownPages = createBytesMemo<Uint8Array>(pagesBytesMax);

  return async (
    raw: RawList<ConversationDetails>,
    show: (details: ConversationDetails[]) => Promise<Conversation[]>,
  ): Promise<RawList<Conversation> | undefined> => {
    const page = shownPages.get(raw.bytes);
    if (page !== undefined) return new RawList(page, decode);
    const known = raw.rows.map((row) => shownRows.get(row));
    const fresh = raw.rows.filter((_, at) => known[at] === undefined);
    const details = fresh.map((row) => raw.decode(row));
    const made = fresh.length === 0 ? [] : await show(details);
    if (made.length !== fresh.length) return undefined;
    const encoded = made.map((one) => toBinary(ConversationSchema, one));
    for (const [at, row] of fresh.entries()) {
      const [one, shown] = [details[at], encoded[at]];
      if (one !== undefined && shown !== undefined && isComplete(one)) shownRows.set(row, shown, shown.byteLength);
    }
    const next = encoded.values();
    const bytes = joinRows(known.map((row) => row ?? (next.next().value as Uint8Array)));
    if (details.every(isComplete)) shownPages.set(raw.bytes, bytes, bytes.byteLength);
    return new RawList(bytes, decode);
  };
}

/** All that is shown is in the row: a peer that was not read along is read elsewhere, and may come later or be renamed. */
export function isComplete({ conversation }: ConversationDetails): boolean {
  return conversation?.type !== ConversationType.SINGLE || conversation.peer !== undefined;
}
