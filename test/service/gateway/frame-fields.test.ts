import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { ERRORS, type ErrorName } from "../../../proto/errors.ts";
import type { ClientFrameType } from "../../../proto/frames.ts";
import { frameErrors } from "../../../proto/schemas/frame-errors.ts";
import { clientFrames } from "../../../proto/schemas/frames.ts";
import { type Account, newAccount, wholeHistory } from "../../support/api.ts";
import { clientFrameBytes } from "../../support/binary-frames.ts";
import { openSocket, type TestSocket } from "../../support/socket.ts";
import { openTown, type Town } from "./gateway-fixture.ts";

/* Every field of every client frame, missing, of another type, over its limit, with NUL and with a lone surrogate, over
 * both subprotocols: each is answered by an `error` frame with the documented code, and the socket stays (spec 20 §3). */

let town: Town;
let ann: Account;
beforeAll(async () => {
  town = await openTown();
  ann = await newAccount(town.api);
});
afterAll(() => town?.[Symbol.asyncDispose]());

interface Field {
  readonly good: unknown;
  /** Missing: it may be left out. */
  readonly required?: ErrorName;
  /** What else it may not be: beyond its limits, or none of its words. */
  readonly over: readonly unknown[];
  /** Code of a value of another type. Default INVALID_MESSAGE_FORMAT. */
  readonly typed?: ErrorName;
  /** Code of `over`. Default INVALID_MESSAGE_FORMAT. */
  readonly limit?: ErrorName;
  /** Not a text in JSON either. */
  readonly plain?: true;
  /** Number of the field in its protobuf message, where it is a string. */
  readonly number?: number;
}
type Fields = Readonly<Record<string, Field>>;

const invalid = "INVALID_MESSAGE_FORMAT";
const conversationId: Field = { good: "world", required: invalid, over: ["", "a b", "x".repeat(65), "é"], number: 1 };
const clientMsgId = (number: number): Field => ({ good: "c", over: ["é", "a\nb", "x".repeat(65)], number });
const messageId: Field = { good: "7", required: invalid, over: ["0", "-1", "07", "9".repeat(20), "x"] };
const typing: Fields = { conversationId };

/** What every client frame holds. */
const frames: Readonly<Record<ClientFrameType, Fields>> = {
  "send-message": {
    conversationId,
    content: {
      good: "x",
      required: "MESSAGE_EMPTY",
      over: ["x".repeat(5001), "😀".repeat(4200)],
      limit: "MESSAGE_TOO_LONG",
      number: 2,
    },
    messageType: {
      good: 1,
      required: "UNSUPPORTED_MESSAGE_TYPE",
      over: [0, 4, 7, -1],
      typed: "UNSUPPORTED_MESSAGE_TYPE",
      limit: "UNSUPPORTED_MESSAGE_TYPE",
      plain: true,
    },
    client_msg_id: clientMsgId(4),
    extra: { good: "{}", over: ["{", "x", `"${"x".repeat(4096)}"`], number: 5 },
    replyToMessageId: { good: "7", over: ["-1", "x", "9".repeat(20)] },
    mentions: { good: ["7"], over: [["0"], Array(51).fill("7")], plain: true },
  },
  "mark-read": {
    conversationId,
    seqId: { good: 1, required: invalid, over: [-1, 1.5, 2 ** 53], plain: true },
  },
  ping: {},
  typing,
  "stop-typing": typing,
  "recall-message": {
    messageId,
    reason: { good: "x", over: ["x".repeat(201)], number: 2 },
    client_msg_id: clientMsgId(3),
  },
  react: {
    messageId,
    emoji: { good: "👍", required: invalid, over: ["", " ", "x".repeat(33), "😀".repeat(9)], number: 2 },
    remove: { good: false, over: [], plain: true },
    client_msg_id: clientMsgId(4),
  },
  sync: {
    conversations: {
      good: [{ id: "world", afterSeq: 0 }],
      required: invalid,
      over: [
        Array(51).fill({ id: "world" }),
        [{ id: "a b" }],
        [{ id: "world", afterSeq: -1 }],
        [{ afterSeq: 1 }],
        [7],
        [null],
      ],
      plain: true,
    },
    limit: { good: 10, over: [0, -1, 1.5], plain: true },
  },
  presence: { state: { good: "active", required: invalid, over: ["", "asleep"] } },
  // A refusal by its content closes the socket: frame-cases.test.ts.
  "refresh-auth": { token: { good: "x", required: invalid, over: ["", "x".repeat(8193)] } },
};

test("every field of every client frame is here", () => {
  const schemas = Object.entries(clientFrames).map(([type, schema]) => [type, Object.keys(schema?.shape ?? {})]);
  expect(Object.entries(frames).map(([type, fields]) => [type, Object.keys(fields)])).toEqual(schemas);
});

interface Bad {
  readonly name: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly code: ErrorName;
}

const ofOtherTypes = (good: unknown): unknown[] =>
  [7, "text", true, {}, [{}]].filter(
    (value) => typeof value !== typeof good || Array.isArray(value) !== Array.isArray(good),
  );
const isNumeric = (field: string): boolean => field === "messageId" || field === "replyToMessageId";
const short = (value: unknown): string => (JSON.stringify(value) ?? "nothing").slice(0, 24);

/** Every bad value of every field, the others being good. */
function badOnes(fields: Fields): Bad[] {
  const good = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.good]));
  return Object.entries(fields).flatMap(([name, field]): Bad[] => {
    const { required, over, limit = invalid, typed = invalid, plain } = field;
    const bad = (value: unknown, code: ErrorName): Bad => ({
      name: `${name} ${short(value)}`,
      data: { ...good, [name]: value },
      code,
    });
    return [
      ...(required === undefined ? [] : [bad(undefined, required)]),
      ...ofOtherTypes(field.good).map((value) => bad(value, typed)),
      ...over.map((value) => bad(value, limit)),
      ...(plain === true ? [] : [bad("a\0b", invalid), bad("\ud800", invalid), bad("b\udc00", invalid)]),
    ];
  });
}

const byType = (Object.entries(frames) as [ClientFrameType, Fields][]).filter(([type]) => type !== "ping");

/** Sends all and compares the answers, which come in the order of the frames. */
async function answered(
  socket: TestSocket,
  wanted: readonly { readonly name: string; readonly code: ErrorName; readonly frame: string | Uint8Array }[],
): Promise<void> {
  for (const { frame } of wanted) socket.socket.send(frame);
  socket.send("ping", undefined, "end");
  await socket.next("pong", ({ id }) => id === "end");
  const told = socket.frames.filter(({ type }) => type !== "connected" && type !== "pong");
  const codes = told.map(({ type, data, id }) => `${id}: ${type} ${data.code}`);
  expect(codes).toEqual(wanted.map(({ name, code }) => `${name}: error ${ERRORS[code].ws}`));
}

async function storesNothing(act: () => Promise<void>): Promise<void> {
  const rows = (): Promise<number> => wholeHistory(town.api, "world", ann.accessToken).then(({ length }) => length);
  const before = await rows();
  await act();
  expect(await rows()).toBe(before);
}

test("INVALID_MESSAGE is documented of every frame, and each other code here of its frame", () => {
  for (const [type, fields] of byType) {
    const documented = [invalid, ...(frameErrors[type].own ?? [])];
    for (const { code } of badOnes(fields)) expect(documented).toContain(code);
  }
});

describe("gochat.v1.json", () => {
  test.each(byType)("%s: every bad field", async (type, fields) => {
    await using socket = await openSocket(town.url, ann.accessToken);
    const wanted = badOnes(fields).map(({ name, data, code }, at) => {
      const id = `${at} ${name}`.replaceAll(/[^ -~]/g, "?").slice(0, 60);
      return { name: id, code, frame: JSON.stringify({ type, data, id }) };
    });
    await storesNothing(() => answered(socket, wanted));
  });

  test("the envelope: id, data and type", async () => {
    await using socket = await openSocket(town.url, ann.accessToken);
    const ids = [7, {}, null, "x".repeat(65), "a\0b", "\ud800"].map((id) => ({ type: "ping", id }));
    const datas = [7, "x", [], true].map((data) => ({ type: "send-message", data, id: "data" }));
    const kinds = [undefined, 7, "", "Ping", "connected", "__proto__", "a\0b"].map((type) => ({ type, id: "type" }));
    const texts = ["", " ", "{", "null", "7", '"x"', "[]", "\0", '{"type":"ping"} {}'];
    await answered(socket, [
      ...ids.map((frame) => ({ name: "undefined", code: invalid, frame: JSON.stringify(frame) }) as const),
      ...datas.map((frame) => ({ name: "data", code: invalid, frame: JSON.stringify(frame) }) as const),
      ...kinds.map((frame) => ({ name: "type", code: invalid, frame: JSON.stringify(frame) }) as const),
      ...texts.map((frame) => ({ name: "undefined", code: invalid, frame }) as const),
    ]);
  });
});

const payloads: readonly ClientFrameType[] = [
  ...(["send-message", "mark-read", "ping", "typing", "stop-typing", "recall-message", "react", "sync"] as const),
  ...(["presence", "refresh-auth"] as const),
];
/** A ClientFrame whose payload is these bytes. */
function rawFrame(type: ClientFrameType, id: string, payload: Uint8Array): Uint8Array {
  const number = payloads.indexOf(type) + 2;
  const frame = new BinaryWriter().tag(1, WireType.LengthDelimited).string(id);
  return frame.tag(number, WireType.LengthDelimited).bytes(payload).finish();
}

const surrogate = new Uint8Array([0xed, 0xa0, 0x80]);

describe("gochat.v1.proto", () => {
  /** Values that the protobuf message can hold: those of another type, and 64-bit ids that are no numbers, cannot come. */
  function encodable({ data }: Bad, fields: Fields): boolean {
    return Object.entries(data).every(([name, value]) => {
      const good = fields[name]?.good;
      if (value === undefined) return false;
      if (typeof value !== typeof good || Array.isArray(value) !== Array.isArray(good)) return false;
      if (typeof value === "string")
        return value.isWellFormed() && (!isNumeric(name) || /^(?:0|-?[1-9]\d{0,17})$/.test(value));
      if (typeof value === "number") return Number.isSafeInteger(value);
      return !Array.isArray(value) || value.every((one) => typeof one === "string" || isSyncItem(one));
    });
  }
  const isSyncItem = (one: unknown): boolean => typeof one === "object" && one !== null && "id" in one;
  /** 0 and "" are what an absent field is in protobuf, and what may be absent is good then. */
  const isAbsent = ({ data }: Bad, fields: Fields): boolean =>
    Object.entries(data).some(([name, value]) => (value === 0 || value === "") && fields[name]?.required === undefined);
  const emptyCode = ({ data, code }: Bad): ErrorName => (data.content === "" ? "MESSAGE_EMPTY" : code);

  test.each(byType)("%s: every bad field that can be encoded", async (type, fields) => {
    await using socket = await openSocket(town.url, ann.accessToken, { binary: true });
    const wanted = badOnes(fields)
      .filter((bad) => encodable(bad, fields) && !isAbsent(bad, fields))
      // An unknown state has no number; text of a state is not on this wire.
      .filter(() => type !== "presence")
      .map((bad, at) => {
        const id = `${at} ${bad.name}`.replaceAll(/[^ -~]/g, "?").slice(0, 60);
        return { name: id, code: emptyCode(bad), frame: clientFrameBytes(type, bad.data, id) };
      });
    await storesNothing(() => answered(socket, wanted));
  });

  test.each(byType)("%s: nothing in it, and texts that are no UTF-8 or of another wire type", async (type, fields) => {
    await using socket = await openSocket(town.url, ann.accessToken, { binary: true });
    const numbers = Object.values(fields).flatMap(({ number }) => (number === undefined ? [] : [number]));
    const broken = numbers.flatMap((number) => [
      new BinaryWriter().tag(number, WireType.LengthDelimited).bytes(surrogate).finish(),
      new BinaryWriter().tag(number, WireType.LengthDelimited).uint32(200).finish(),
    ]);
    const first = Object.values(fields)[0]?.required ?? invalid;
    await answered(socket, [
      // The first field that is required is missing.
      ...(type === "sync" ? [] : [{ name: "empty", code: first, frame: rawFrame(type, "empty", new Uint8Array()) }]),
      // No frame could be read, so no id either.
      ...broken.map((payload) => ({ name: "undefined", code: invalid, frame: rawFrame(type, "x", payload) }) as const),
    ]);
  });

  test("the envelope: no payload, an unknown one, an id that is too long, and what is no message", async () => {
    await using socket = await openSocket(town.url, ann.accessToken, { binary: true });
    const unknown = new BinaryWriter()
      .tag(99, WireType.LengthDelimited)
      .bytes(new Uint8Array([1]))
      .finish();
    const garbage = [new Uint8Array([0xff]), new Uint8Array([0x0a, 0x05, 0x78]), surrogate];
    await answered(socket, [
      { name: "undefined", code: invalid, frame: new Uint8Array() },
      { name: "undefined", code: invalid, frame: unknown },
      { name: "undefined", code: invalid, frame: clientFrameBytes("ping", {}, "x".repeat(65)) },
      { name: "undefined", code: invalid, frame: clientFrameBytes("ping", {}, "a\0b") },
      ...garbage.map((frame) => ({ name: "undefined", code: invalid, frame }) as const),
    ]);
  });
});
