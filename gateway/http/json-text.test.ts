import { expect, test } from "bun:test";
import { listText, textOnce } from "./json-text.ts";

interface Item {
  readonly name: string;
}

function counting() {
  let made = 0;
  const itemText = textOnce((item: Item) => {
    made += 1;
    return JSON.stringify(item);
  });
  return { text: listText<object, Item>("items", itemText), made: () => made };
}

test("a list that did not change is the very text of before; with other fields beside it, it is another", async () => {
  const { text, made } = counting();
  const items = [{ name: "a" }, { name: "ü" }];
  const first = text(items, { total: 2 });
  expect(await (await first.plain()).json()).toEqual({ success: true, message: "OK", data: { items, total: 2 } });
  expect(text(items, { total: 2 })).toBe(first);
  const other = text(items, { total: 3 });
  expect(await (await other.plain()).json()).toEqual({ success: true, message: "OK", data: { items, total: 3 } });
  expect(text(items, { total: 3, next: 1 })).not.toBe(other);
  expect(made()).toBe(2);
  expect(await (await text([], {}).plain()).text()).toBe('{"success":true,"message":"OK","data":{"items":[]}}');
});

test("an item whose text is kept looks as before, and a copy of it has a text of its own", () => {
  const { text, made } = counting();
  const item = { name: "a" };
  text([item], {});
  expect(item).toStrictEqual({ name: "a" });
  expect(JSON.stringify({ ...item, name: "b" })).toBe('{"name":"b"}');
  text([{ ...item, name: "b" }], {});
  expect(made()).toBe(2);
});

test("plain and packed hold the same, in whichever order they are asked for", async () => {
  const { text } = counting();
  const items = Array.from({ length: 5000 }, (_, n) => ({ name: `ü${n}` }));
  const unpack = async (blob: Blob): Promise<string> => Buffer.from(Bun.gunzipSync(await blob.bytes())).toString();
  const plainFirst = text(items, { n: 1 });
  const plain = await (await plainFirst.plain()).text();
  expect(plainFirst.byteLength).toBe(Buffer.byteLength(plain));
  expect(await unpack(await plainFirst.packed())).toBe(plain);
  const packedFirst = text(items, { n: 1, m: undefined });
  const [packed, twice] = await Promise.all([packedFirst.packed(), packedFirst.packed()]);
  expect(packed).toBe(twice);
  expect(await unpack(packed)).toBe(plain);
  expect(await (await packedFirst.plain()).text()).toBe(plain);
});
