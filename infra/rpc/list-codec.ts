import {
  type DescField,
  type DescMessage,
  type DescMethod,
  type DescMethodUnary,
  fromBinary,
  type Message,
  toBinary,
} from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { MethodSerializationLookup } from "@connectrpc/connect/protocol";
import { endOfRows, joinRows, RawList, rawListOf, withRawList } from "./raw-list.ts";

type Codec = ReturnType<MethodSerializationLookup<DescMessage, DescMessage>["getO"]>;

/** Methods whose answers are lists: field 1 of the answer is repeated, its rows are messages. Both sides of a call may know them
 *  or not: the bytes are the same. */
export type ListMethods = ReadonlySet<DescMethod>;

function copied({ bytes: rows }: RawList<unknown>, { byteLength: room }: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(rows.byteLength + room);
  bytes.set(rows);
  return bytes;
}

interface ListShape {
  readonly answer: DescMessage;
  readonly list: DescField & { readonly fieldKind: "list"; readonly listKind: "message" };
  readonly others: readonly DescField[];
}

function shapeOf({ output: answer, name }: DescMethodUnary): ListShape {
  const list = answer.fields.find(({ number }) => number === 1);
  if (list?.fieldKind !== "list" || list.listKind !== "message" || list.delimitedEncoding) {
    throw new Error(`the answer of ${name} is no list`);
  }
  const others = answer.fields.filter((field) => field !== list);
  if (others.some(({ oneof }) => oneof !== undefined)) throw new Error(`the answer of ${name} has a oneof`);
  return { answer, list, others };
}

/** Binary answers of a method in `ListMethods`. What is read has its rows undecoded (`rawListOf`); what is written takes those
 *  as they are, and a row that is an object is encoded once for as long as the object is held: messages are never changed.
 *  `whole` is the codec for everything, with its limits. */
export function createListCodec(method: DescMethodUnary, whole: Codec, writeBytesMax: number): Codec {
  const { answer, list, others } = shapeOf(method);
  const field = list.localName;
  // With the row, and not in a WeakMap: the collector looks through all of one at each of its runs.
  const encoded = Symbol("encoded");

  function decode(row: Uint8Array): Message {
    try {
      return fromBinary(list.message, row);
    } catch (error) {
      throw new ConnectError("parse binary", Code.Internal, undefined, undefined, error);
    }
  }

  function encode(row: Message): Uint8Array {
    const known = (row as { readonly [encoded]?: Uint8Array })[encoded];
    if (known !== undefined) return known;
    const bytes = toBinary(list.message, row);
    Object.defineProperty(row, encoded, { value: bytes });
    return bytes;
  }

  /** All but the list. */
  function restOf(message: Readonly<Record<string, unknown>>): Uint8Array {
    const rest: Record<string, unknown> = { $typeName: answer.typeName, [field]: [] };
    for (const { localName } of others) rest[localName] = message[localName];
    return toBinary(answer, rest as unknown as Message);
  }

  return {
    parse(bytes) {
      const end = endOfRows(bytes);
      const message = whole.parse(bytes.subarray(end)) as Message & Record<string, unknown>;
      // Rows behind other fields: not what this program writes, and right all the same.
      const behind = message[field];
      if (Array.isArray(behind) && behind.length > 0) return whole.parse(bytes);
      return withRawList(message, field, new RawList(bytes.subarray(0, end), decode));
    },

    serialize(message) {
      const fields = message as unknown as Readonly<Record<string, readonly Message[]>>;
      let bytes: Uint8Array<ArrayBuffer>;
      try {
        const rest = restOf(fields);
        const raw = rawListOf(fields, field);
        bytes = raw === undefined ? joinRows(fields[field]?.map(encode) ?? [], rest.byteLength) : copied(raw, rest);
        bytes.set(rest, bytes.byteLength - rest.byteLength);
      } catch (error) {
        throw new ConnectError("serialize binary", Code.Internal, undefined, undefined, error);
      }
      if (bytes.byteLength <= writeBytesMax) return bytes;
      const text = `message size ${bytes.byteLength} is larger than configured writeMaxBytes ${writeBytesMax}`;
      throw new ConnectError(text, Code.ResourceExhausted);
    },
  };
}
