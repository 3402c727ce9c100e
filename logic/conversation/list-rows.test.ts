import { expect, test } from "bun:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { joinRows, RawList } from "#infra/rpc/raw-list.ts";
import {
  type Conversation,
  ConversationSchema,
  ConversationType,
} from "#proto/gen/gochat/common/v1/conversation_pb.ts";
import {
  type ConversationDetails,
  ConversationDetailsSchema,
} from "#proto/gen/gochat/repo/v1/conversation_service_pb.ts";
import { createListRows } from "./list-rows.ts";

const details = (id: string, unreadCount: bigint, type: ConversationType = ConversationType.GROUP) =>
  toBinary(ConversationDetailsSchema, create(ConversationDetailsSchema, { conversation: { id, type }, unreadCount }));

function fixture() {
  const shownRows = createListRows();
  const made: string[] = [];
  const show = async (found: readonly ConversationDetails[]): Promise<Conversation[]> =>
    found.map(({ conversation, unreadCount }) => {
      made.push(conversation?.id ?? "");
      return create(ConversationSchema, { id: conversation?.id ?? "", type: conversation?.type ?? 0, unreadCount });
    });
  const list = async (...rows: Uint8Array[]): Promise<string[]> => {
    const raw = new RawList(joinRows(rows), (row) => fromBinary(ConversationDetailsSchema, row));
    const shown = await shownRows(raw, show);
    return (shown?.rows ?? []).map((row) => shown?.decode(row)).map((one) => `${one?.id} ${one?.unreadCount}`);
  };
  return { list, made };
}

test("a row is shown anew when anything in it is another, in the order of the list", async () => {
  const { list, made } = fixture();
  const [a, b, c] = [details("a", 1n), details("b", 2n), details("c", 3n)] as const;
  expect(await list(a, b)).toEqual(["a 1", "b 2"]);
  expect(await list(c, b, a)).toEqual(["c 3", "b 2", "a 1"]);
  expect(await list(b, details("a", 4n), c)).toEqual(["b 2", "a 4", "c 3"]);
  expect(await list(a, b)).toEqual(["a 1", "b 2"]);
  expect(made).toEqual(["a", "b", "c", "a"]);
});

test("a single conversation whose peer was not read along is made each time", async () => {
  const { list, made } = fixture();
  const single = details("single", 0n, ConversationType.SINGLE);
  expect([await list(single), await list(single)]).toEqual([["single 0"], ["single 0"]]);
  expect(made).toEqual(["single", "single"]);
});

test("where a row is left out the caller makes the list", async () => {
  const raw = new RawList(joinRows([details("a", 0n)]), (row) => fromBinary(ConversationDetailsSchema, row));
  expect(await createListRows()(raw, async () => [])).toBeUndefined();
});

test("a peer that was read elsewhere is not in the bytes of the row: his name of today is shown", async () => {
  const shownRows = createListRows();
  let username = "before";
  const show = async (found: readonly ConversationDetails[]): Promise<Conversation[]> =>
    found.map(({ conversation }) =>
      create(ConversationSchema, { id: conversation?.id ?? "", type: ConversationType.SINGLE, peer: { username } }),
    );
  const names = async (): Promise<(string | undefined)[]> => {
    const rows = joinRows([details("single", 0n, ConversationType.SINGLE)]);
    const shown = await shownRows(new RawList(rows, (row) => fromBinary(ConversationDetailsSchema, row)), show);
    return (shown?.rows ?? []).map((row) => shown?.decode(row).peer?.username);
  };
  expect(await names()).toEqual(["before"]);
  username = "after";
  expect(await names()).toEqual(["after"]);
});
