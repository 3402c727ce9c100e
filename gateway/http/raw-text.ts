import { createBytesMemo, textBytes } from "#infra/memo/memo.ts";
import type { RawList } from "#infra/rpc/raw-list.ts";
import { JsonText } from "./json-text.ts";

/** Of one kind of list: rows and pages that were shown lately, their encoding and their JSON. */
const rowsBytesMax = 32 * 1024 * 1024;
const pagesBytesMax = 64 * 1024 * 1024;

/** Makes `{"name":[items],…rest}` of rows as they came over the wire. The JSON of a row is made once for the same bytes, as long
 *  as they are asked for: most rows are read again and again, and never change. So is that of a page. */
export function rawListText<T, I>(name: string, itemText: (item: I) => string) {
  const texts = createBytesMemo<string>(rowsBytesMax);
  const pages = createBytesMemo<{ readonly rest: string; readonly text: JsonText<T> }>(pagesBytesMax);

  function textOf(raw: RawList<I>, row: Uint8Array): string {
    let text = texts.get(row);
    if (text === undefined) {
      text = itemText(raw.decode(row));
      texts.set(row, text, textBytes(text));
    }
    return text;
  }

  return (raw: RawList<I>, others: object): JsonText<T> => {
    const rest = JSON.stringify(others).slice(1);
    const known = pages.get(raw.bytes);
    if (known?.rest === rest) return known.text;
    const items = raw.rows.map((row) => textOf(raw, row)).join(",");
    const text = new JsonText<T>(`{"${name}":[${items}]${rest === "}" ? "" : ","}${rest}`);
    // In the worst case it is kept in two forms.
    pages.set(raw.bytes, { rest, text }, 2 * text.byteLength);
    return text;
  };
}
