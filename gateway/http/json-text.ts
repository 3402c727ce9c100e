import type { Message } from "#proto/gen/gochat/common/v1/message_pb.ts";
import { messageToJson } from "#proto/message-json.ts";
import { pack } from "./compress.ts";

/** A whole answer, `{"success":true,"message":"OK","data":…}`, in the place of its data `T`. It is kept in the forms that were
 *  asked for: as it is, packed, or both. Blobs, because their bytes are not copied for each response: what is copied, the
 *  collector counts, and runs for it. */
export class JsonText<T> {
  declare readonly of: T;
  /** Plain, in UTF-8. */
  readonly byteLength: number;
  /** Until it has another form. */
  #text: string | undefined;
  #plain: Blob | undefined;
  #packed: Promise<Blob> | undefined;

  constructor(data: string) {
    this.#text = `{"success":true,"message":"OK","data":${data}}`;
    this.byteLength = Buffer.byteLength(this.#text);
  }

  async plain(): Promise<Blob> {
    this.#plain ??= new Blob([this.#text ?? Bun.gunzipSync(await (await this.packed()).bytes())]);
    this.#text = undefined;
    return this.#plain;
  }

  packed(): Promise<Blob> {
    this.#packed ??= this.#pack();
    return this.#packed;
  }

  async #pack(): Promise<Blob> {
    const bytes = await (this.#plain ?? new Blob([this.#text ?? ""])).bytes();
    const packed = new Blob([await pack(bytes)]);
    this.#text = undefined;
    return packed;
  }
}

/** Made once per object, for as long as the object is held: messages of calls are never changed. The text is kept with the object,
 *  out of sight, and not in a WeakMap: the collector looks through all of one at each of its runs, 2 ms for 50,000 rows. */
export function textOnce<T extends object>(make: (value: T) => string): (value: T) => string {
  const key = Symbol("text");
  return (value) => {
    const known = (value as { readonly [key]?: string })[key];
    if (known !== undefined) return known;
    const text = make(value);
    Object.defineProperty(value, key, { value: text });
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
export const messageText = (row: Message): string => JSON.stringify(messageToJson(row));
