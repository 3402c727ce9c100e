import type { Message } from "#proto/gen/gochat/common/v1/message_pb.ts";
import { messageToJson } from "#proto/message-json.ts";

/** A whole answer, `{"success":true,"message":"OK","data":…}`, in the place of its data `T`. A blob, because its bytes are not
 *  copied for each response: what is copied, the collector counts, and runs for it. */
export class JsonText<T> {
  declare readonly of: T;
  readonly body: Blob;

  constructor(data: string) {
    this.body = new Blob([`{"success":true,"message":"OK","data":${data}}`]);
  }
}

/** Made once per object, for as long as the object is held: messages of calls are never changed. */
export function textOnce<T extends object>(make: (value: T) => string): (value: T) => string {
  const texts = new WeakMap<T, string>();
  return (value) => {
    const known = texts.get(value);
    if (known !== undefined) return known;
    const text = make(value);
    texts.set(value, text);
    return text;
  };
}

/** Fields beside a list; an object among them is another one each time. */
type Rest = Readonly<Record<string, unknown>>;

/** Makes `{"name":[items],…rest}`. Of a list that did not change since it was asked for before it is there already. */
export function listText<T, I extends object>(name: string, itemText: (item: I) => string) {
  const last = new WeakMap<readonly I[], { readonly rest: Rest; readonly text: JsonText<T> }>();
  return (items: readonly I[], rest: Rest): JsonText<T> => {
    const known = last.get(items);
    if (known !== undefined && isSame(known.rest, rest)) return known.text;
    const others = JSON.stringify(rest).slice(1);
    const comma = others === "}" ? "" : ",";
    const text = new JsonText<T>(`{"${name}":[${items.map(itemText).join(",")}]${comma}${others}`);
    last.set(items, { rest, text });
    return text;
  };
}

function isSame(a: Rest, b: Rest): boolean {
  for (const name in a) if (a[name] !== b[name]) return false;
  for (const name in b) if (!(name in a)) return false;
  return true;
}

/** A row as `Message` of spec 10 §2. */
export const messageText = textOnce((row: Message): string => JSON.stringify(messageToJson(row)));
