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

/** Makes `{"name":[items],…rest}`. Of a list that did not change since it was asked for before it is there already. */
export function listText<T, I extends object>(name: string, itemText: (item: I) => string) {
  const last = new WeakMap<readonly I[], { readonly rest: string; readonly text: JsonText<T> }>();
  return (items: readonly I[], others: object): JsonText<T> => {
    const rest = JSON.stringify(others).slice(1);
    const known = last.get(items);
    if (known?.rest === rest) return known.text;
    const comma = rest === "}" ? "" : ",";
    const text = new JsonText<T>(`{"${name}":[${items.map(itemText).join(",")}]${comma}${rest}`);
    last.set(items, { rest, text });
    return text;
  };
}

/** A row as `Message` of spec 10 §2. */
export const messageText = textOnce((row: Message): string => JSON.stringify(messageToJson(row)));
