import { expect, test } from "bun:test";
import { joinRows, RawList } from "#infra/rpc/raw-list.ts";
import { rawListText } from "./raw-text.ts";

const utf8 = { encode: (text: string) => new TextEncoder().encode(text), decode: new TextDecoder() };

function fixture() {
  let made = 0;
  const text = rawListText<unknown, string>("rows", (item) => {
    made += 1;
    return JSON.stringify(item);
  });
  const page = async (rows: string[], others: object): Promise<unknown> => {
    const raw = new RawList(joinRows(rows.map(utf8.encode)), (row) => utf8.decode.decode(row));
    return JSON.parse(await (await text(raw, others).plain()).text()).data;
  };
  return { page, made: () => made };
}

test("the text of a row is made once, whatever page it comes in", async () => {
  const { page, made } = fixture();
  expect(await page(["a", "ü"], { more: true })).toEqual({ rows: ["a", "ü"], more: true });
  expect(await page(["ü", "c"], {})).toEqual({ rows: ["ü", "c"] });
  expect(await page([], { more: false })).toEqual({ rows: [], more: false });
  expect(made()).toBe(3);
});

test("the same rows with another rest are another page", async () => {
  const { page } = fixture();
  for (const at of [1, 2, 2, 1]) expect(await page(["a"], { at })).toEqual({ rows: ["a"], at });
});
