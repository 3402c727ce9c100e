import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { snowflakeAt } from "../uid/uid.ts";
import type { SearchDocument, SearchIndex, SearchRequest, SearchScope } from "./es.ts";

export interface SearchUnderTest {
  readonly index: SearchIndex;
  dispose(): Promise<void>;
}

const day = 86_400_000;
const monthMs = 31 * day;
const startMs = Date.UTC(2026, 4, 20);

/** Documents in a conversation of one test's own, an instant apart. */
export class Chat {
  readonly conversationId = `g_${crypto.randomUUID()}`;
  readonly scope: SearchScope = { conversationId: this.conversationId };
  private made = 0n;

  document(content: string, change: Partial<SearchDocument> & { atMs?: number } = {}): SearchDocument {
    const { atMs: createdAtMs = startMs + Number(this.made) * 1000, ...rest } = change;
    this.made += 1n;
    const messageId = String(snowflakeAt(createdAtMs) + BigInt(Math.floor(Math.random() * 4_000_000)));
    return {
      messageId,
      conversationId: this.conversationId,
      senderId: "100",
      type: 1,
      content,
      createdAtMs,
      version: this.made,
      ...rest,
    };
  }
}

export type Put = (documents: readonly SearchDocument[]) => Promise<void>;
export type Find = (
  keyword: string,
  scopes: readonly SearchScope[],
  more?: Partial<SearchRequest>,
) => Promise<string[]>;
export type Rule = (title: string, body: (chat: Chat, put: Put, find: Find) => Promise<void>) => void;

/** The contract of es.ts. `create` is called once; documents of the tests do not meet. */
export function esConformance(name: string, create: () => Promise<SearchUnderTest>): void {
  describe(`es: ${name}`, () => {
    let it: SearchUnderTest;
    beforeAll(async () => {
      it = await create();
    });
    afterAll(() => it.dispose());
    const put: Put = async (documents) => {
      await it.index.bulkIndex(documents);
      await it.index.refresh();
    };
    const find: Find = async (keyword, scopes, more = {}) => {
      const { hits } = await it.index.search({ keyword, page: 1, size: 50, ...more }, scopes);
      return hits.map((hit) => hit.messageId);
    };
    const rule: Rule = (title, body) => test(title, () => body(new Chat(), put, find));
    test("60 §6: an index that does not exist yet is empty", async () => {
      const chat = new Chat();
      const found = await it.index.search({ keyword: "hello", page: 1, size: 10 }, [chat.scope]);
      expect(found).toEqual({ total: 0, hits: [] });
      await it.index.refresh();
      await it.index.remove([chat.document("x").messageId]);
    });
    wordRules(rule);
    orderRules(rule, () => it.index);
    filterRules(rule, () => it.index);
    versionRules(rule, () => it.index);
    highlightRules(rule, () => it.index);
    test("health is ok", async () => {
      expect(await it.index.health()).toBe("ok");
    });
  });
}

/** What a promise rejects with; undefined when it does not. */
export const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

const ids = (documents: readonly (SearchDocument | undefined)[]): string[] =>
  documents.map((document) => document?.messageId ?? "");

function wordRules(rule: Rule): void {
  rule("every word has to be there, in any order; case and width do not count", async (chat, put, find) => {
    const documents = [
      chat.document("Hello big World"),
      chat.document("hello there"),
      chat.document("ＷＯＲＬＤ hello"),
    ];
    await put(documents);
    const [big, , wide] = documents;
    expect((await find("world HELLO", [chat.scope])).toSorted()).toEqual(ids([big, wide]).toSorted());
    expect(await find("hello nowhere", [chat.scope])).toEqual([]);
  });
  rule("words of one and two letters are found as words", async (chat, put, find) => {
    const documents = [chat.document("ok, see you"), chat.document("look at a tokyo"), chat.document("is that OK?")];
    await put(documents);
    expect((await find("ok", [chat.scope])).toSorted()).toEqual(ids([documents[0], documents[2]]).toSorted());
    expect(await find("a", [chat.scope])).toEqual(ids([documents[1]]));
  });
  rule("CJK: any run of characters is found, from one on", async (chat, put, find) => {
    const documents = [
      chat.document("今天的天气很好，我们去公园吧"),
      chat.document("明日は東京タワーに行きます"),
      chat.document("안녕하세요 세계"),
      chat.document("好天"),
    ];
    await put(documents);
    const [weather, tokyo, korean, other] = documents;
    expect(await find("天气很好", [chat.scope])).toEqual(ids([weather]));
    expect(await find("天气", [chat.scope])).toEqual(ids([weather]));
    expect((await find("天", [chat.scope])).toSorted()).toEqual(ids([weather, other]).toSorted());
    expect(await find("好天", [chat.scope])).toEqual(ids([other]));
    expect(await find("タワー", [chat.scope])).toEqual(ids([tokyo]));
    expect(await find("ﾀﾜｰ", [chat.scope])).toEqual(ids([tokyo]));
    expect(await find("東京", [chat.scope])).toEqual(ids([tokyo]));
    expect(await find("세계", [chat.scope])).toEqual(ids([korean]));
    expect(await find("公园 今天", [chat.scope])).toEqual(ids([weather]));
    expect(await find("公天", [chat.scope])).toEqual([]);
  });
  rule("CJK and other words in one text, with and without a blank between", async (chat, put, find) => {
    const document = chat.document("用GoChat发消息 v2 😀");
    await put([document]);
    for (const keyword of ["gochat", "消息", "息", "发消息 gochat", "v2", "v2 消", "GoChat发消息", "😀"])
      expect({ keyword, found: await find(keyword, [chat.scope]) }).toEqual({ keyword, found: ids([document]) });
  });
  rule("signs of a query language are signs", async (chat, put, find) => {
    const document = chat.document('a "quoted" word OR not');
    await put([document]);
    expect(await find('"quoted"', [chat.scope])).toEqual(ids([document]));
    for (const keyword of ["", " ", "*", '"', "()", "'; --", "\\", "content:"])
      expect({ keyword, found: await find(keyword, [chat.scope]) }).toEqual({ keyword, found: [] });
    for (const keyword of ["quot*ed NEAR(", "AND", "NOT missing", "{quoted2", "nothing OR word"])
      expect({ keyword, found: await find(keyword, [chat.scope]) }).toEqual({ keyword, found: [] });
  });
}

function orderRules(rule: Rule, index: () => SearchIndex): void {
  rule("the better match first, equal ones newest first, over the months", async (chat, put, find) => {
    const old = chat.document("the zebra runs", { atMs: startMs - monthMs });
    const recent = chat.document("the zebra runs", { atMs: startMs + monthMs });
    const middle = chat.document("the zebra runs", { atMs: startMs });
    const better = chat.document("zebra zebra zebra", { atMs: startMs - 2 * monthMs });
    const others = Array.from({ length: 10 }, (_, at) => chat.document(`nothing of that kind ${at}`));
    await put([old, recent, middle, better, ...others]);
    const found = await find("zebra", [chat.scope]);
    expect(found[0]).toBe(better.messageId);
    expect(found.toSorted()).toEqual(ids([old, recent, middle, better]).toSorted());
    const same = Array.from({ length: 7 }, () => chat.document("giraffe"));
    await put(same);
    expect(await find("giraffe", [chat.scope])).toEqual(ids(same.toReversed()));
  });
  rule("pages follow each other; the total counts all; past the end there is nothing", async (chat, put) => {
    const documents = Array.from({ length: 25 }, () => chat.document("paged words"));
    await put(documents);
    const page = (number: number) => index().search({ keyword: "paged", page: number, size: 10 }, [chat.scope]);
    const pages = [await page(1), await page(2), await page(3), await page(4), await page(100_000)];
    expect(pages.map((one) => one.hits.length)).toEqual([10, 10, 5, 0, 0]);
    expect(pages.map((one) => one.total)).toEqual([25, 25, 25, 25, 25]);
    const newestFirst = ids(documents.toReversed());
    expect(pages.flatMap((one) => one.hits.map((hit) => hit.messageId))).toEqual(newestFirst);
  });
  rule("G4: requests outside the bounds are refused", async (chat) => {
    const request = { keyword: "x", page: 1, size: 10 };
    const many = Array.from({ length: 10_001 }, (_, at) => ({ conversationId: `c${at}` }));
    for (const wrong of [{ page: 0 }, { size: 0 }, { size: 101 }, { page: 1.5 }, { keyword: "x".repeat(101) }])
      expect(await failure(index().search({ ...request, ...wrong }, [chat.scope]))).toBeInstanceOf(RangeError);
    expect(await failure(index().search(request, many))).toBeInstanceOf(RangeError);
    const since = many.slice(0, 501).map((scope) => ({ ...scope, sinceMs: 1 }));
    expect(await failure(index().search(request, since))).toBeInstanceOf(RangeError);
    expect(await index().search(request, many.slice(1))).toEqual({ total: 0, hits: [] });
    expect(await index().search(request, since.slice(1))).toEqual({ total: 0, hits: [] });
  });
}

function filterRules(rule: Rule, index: () => SearchIndex): void {
  rule("G7: only in the given conversations", async (chat, put, find) => {
    const other = new Chat();
    const [mine, theirs] = [chat.document("secret plan"), other.document("secret plan")];
    await put([mine, theirs]);
    expect(await find("secret", [chat.scope])).toEqual(ids([mine]));
    expect(await find("secret", [])).toEqual([]);
    expect(await find("secret", [chat.scope, other.scope])).toHaveLength(2);
    const found = await index().searchInConversation({ keyword: "secret", page: 1, size: 10 }, other.scope);
    expect(found.hits.map((hit) => [hit.messageId, hit.conversationId])).toEqual([
      [theirs.messageId, other.conversationId],
    ]);
  });
  rule("a scope with a beginning hides what is older", async (chat, put, find) => {
    const other = new Chat();
    const [before, after, free] = [chat.document("visible"), chat.document("visible"), other.document("visible")];
    await put([before, after, free]);
    const scopes = [{ ...chat.scope, sinceMs: after.createdAtMs }, other.scope];
    expect((await find("visible", scopes)).toSorted()).toEqual(ids([after, free]).toSorted());
    expect(await find("visible", [{ ...chat.scope, sinceMs: after.createdAtMs + 1 }])).toEqual([]);
  });
  rule("by sender, types and time; the end of a time is not in it", async (chat, put, find) => {
    const one = chat.document("filtered", { senderId: "7", type: 2, atMs: startMs });
    const two = chat.document("filtered", { senderId: "8", type: 3, atMs: startMs + day });
    await put([one, two]);
    expect(await find("filtered", [chat.scope], { senderId: "7" })).toEqual(ids([one]));
    expect(await find("filtered", [chat.scope], { senderId: "9" })).toEqual([]);
    expect(await find("filtered", [chat.scope], { types: [3] })).toEqual(ids([two]));
    expect(await find("filtered", [chat.scope], { types: [2, 3] })).toEqual(ids([two, one]));
    expect(await find("filtered", [chat.scope], { types: [] })).toEqual(ids([two, one]));
    expect(await find("filtered", [chat.scope], { fromMs: startMs + day })).toEqual(ids([two]));
    expect(await find("filtered", [chat.scope], { toMs: startMs + day })).toEqual(ids([one]));
    expect(await find("filtered", [chat.scope], { fromMs: startMs, toMs: startMs })).toEqual([]);
  });
}

function versionRules(rule: Rule, index: () => SearchIndex): void {
  rule("50 §4: a lower version never replaces, whatever the order", async (chat, put, find) => {
    const made = chat.document("first words");
    const edited = { ...made, content: "second words", version: made.version + 5n };
    await put([edited]);
    for (const again of [made, edited])
      expect(await index().bulkIndex([again])).toEqual({ indexed: 0, stale: 1, refused: [] });
    await index().refresh();
    expect(await find("second", [chat.scope])).toEqual(ids([made]));
    expect(await find("first", [chat.scope])).toEqual([]);
    const later = { ...made, content: "third words", version: edited.version + 1n };
    expect(await index().bulkIndex([later, edited, made])).toMatchObject({ indexed: 1, stale: 2 });
    await index().refresh();
    expect(await find("second", [chat.scope])).toEqual([]);
    expect(await find("third", [chat.scope])).toEqual(ids([made]));
  });
  rule("50 §4: a recall that overtakes its message cannot be undone by it", async (chat, put, find) => {
    const made = chat.document("recalled words 你好");
    await put([{ ...made, content: "", version: made.version + 1n }]);
    await put([made]);
    expect(await find("recalled", [chat.scope])).toEqual([]);
    expect(await find("你", [chat.scope])).toEqual([]);
  });
  rule("what is removed is gone; removing again does nothing", async (chat, put, find) => {
    const [gone, kept] = [chat.document("removable 你"), chat.document("removable 你")];
    await put([gone, kept]);
    await index().remove([gone.messageId, chat.document("never indexed").messageId]);
    await index().remove([gone.messageId]);
    await index().remove([]);
    await index().refresh();
    expect(await find("removable", [chat.scope])).toEqual(ids([kept]));
    expect(await find("你", [chat.scope])).toEqual(ids([kept]));
  });
  rule("more documents than one bulk holds, any of them long", async (chat, put, find) => {
    const documents = Array.from({ length: 1200 }, (_, at) => chat.document(`bulk number${at} ${"x".repeat(at)}`));
    expect(await index().bulkIndex(documents)).toEqual({ indexed: 1200, stale: 0, refused: [] });
    expect(await index().bulkIndex([])).toEqual({ indexed: 0, stale: 0, refused: [] });
    await put([]);
    expect(await find("number1199", [chat.scope])).toEqual(ids([documents[1199]]));
    expect((await index().search({ keyword: "bulk", page: 1, size: 1 }, [chat.scope])).total).toBe(1200);
  });
}

function highlightRules(rule: Rule, index: () => SearchIndex): void {
  const shown = async (chat: Chat, keyword: string): Promise<readonly string[] | undefined> =>
    (await index().searchInConversation({ keyword, page: 1, size: 1 }, chat.scope)).hits[0]?.highlights;
  rule("what was looked for is marked; the rest is escaped", async (chat, put) => {
    await put([chat.document("<b>Hello</b> & hello 你好")]);
    expect(await shown(chat, "hello 好")).toEqual([
      "&lt;b&gt;<em>Hello</em>&lt;/b&gt; &amp; <em>hello</em> 你<em>好</em>",
    ]);
  });
  rule("of a long text the pieces around what was found, three at most", async (chat, put) => {
    const filler = "lorem ".repeat(40);
    await put([chat.document(`${filler}needle ${filler}needle ${filler}needle ${filler}needle`)]);
    const pieces = await shown(chat, "needle");
    expect(pieces).toHaveLength(3);
    for (const piece of pieces ?? []) {
      expect(piece).toContain("<em>needle</em>");
      expect(piece.length).toBeLessThan(110);
      expect(piece.startsWith("…") && piece.endsWith("…")).toBe(true);
    }
  });
}
