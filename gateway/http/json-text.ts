import type { Message } from "#proto/gen/gochat/common/v1/message_pb.ts";
import { messageToJson } from "#proto/message-json.ts";

/** JSON that is text already, in the place of the value `T` in an answer. */
export class JsonText<T> {
  declare readonly of: T;
  readonly text: string;

  constructor(text: string) {
    this.text = text;
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

/** A row as `Message` of spec 10 §2. */
const messageText = textOnce((row: Message): string => JSON.stringify(messageToJson(row)));

/** Rows with commas between: of a page that did not change since it was asked for before it is there already. */
export const messageTexts = textOnce((rows: Message[]): string => rows.map(messageText).join(","));

/** `{"name":[items],…rest}`; `items` with commas between. */
export function listText<T>(name: string, items: string, rest: object): JsonText<T> {
  const others = JSON.stringify(rest).slice(1);
  return new JsonText(`{"${name}":[${items}]${others === "}" ? "" : ","}${others}`);
}
