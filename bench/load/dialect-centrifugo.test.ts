import { expect, test } from "bun:test";
import { benchContent } from "./dialect.ts";
import { centrifugoDialect } from "./dialect-centrifugo.ts";

const place = { url: "http://127.0.0.1:8000", apiKey: "key", token: undefined };
const message = (n: number) => ({
  conversationId: "world",
  content: benchContent(n, 40),
  clientMsgId: `b-${n}`,
});

/** What the dialect posts, and answers when it is told to. */
function recorded(token?: string) {
  const posts: { path: string; key: string; body: unknown }[] = [];
  const answers: (() => void)[] = [];
  const dialect = centrifugoDialect({ ...place, token }, (url, key, body) => {
    posts.push({ path: new URL(url).pathname, key, body });
    return new Promise((resolve) => void answers.push(resolve));
  });
  return { dialect, posts, answers };
}

const push = (data: unknown): string => JSON.stringify({ push: { channel: "world", pub: { data, offset: 1 } } });
const row = (seqId: number) => ({ id: String(seqId), conversationId: "world", seqId, content: "due 5.000 xx" });

test("it connects and subscribes with ids, with a token where there is one", () => {
  expect(recorded().dialect.hello).toEqual(['{"id":1,"connect":{}}', '{"id":2,"subscribe":{"channel":"world"}}']);
  expect(recorded("jwt").dialect.hello?.[0]).toBe('{"id":1,"connect":{"token":"jwt"}}');
});

test("it is ready when the subscription is answered, also in one message with the connect", () => {
  const { dialect } = recorded();
  const connect = '{"id":1,"connect":{"client":"c","version":"6","ping":25,"pong":true}}';
  expect(dialect.hear(Buffer.from(connect))).toEqual({ kind: "other" });
  expect(dialect.hear(Buffer.from(`${connect}\n{"id":2,"subscribe":{}}\n`))).toEqual({ kind: "connected" });
  const refused = '{"id":2,"error":{"code":103,"message":"permission denied"}}';
  expect(dialect.hear(Buffer.from(refused))).toEqual({ kind: "error", code: "103 permission denied" });
});

test("publications are rows; several lines of one message are one frame; a ping is answered", () => {
  const { dialect } = recorded();
  const heard = dialect.hear(Buffer.from(`${push(row(1))}\n${push(row(2))}`));
  expect(heard).toMatchObject({
    kind: "rows",
    batch: { conversationId: "world", seqs: [1, 2], ids: ["1", "2"], frames: 1 },
  });
  expect(dialect.hear(Buffer.from("{}"))).toEqual({ kind: "reply", payload: "{}" });
  expect(dialect.hear(Buffer.from(`{}\n${push(row(3))}`))).toMatchObject({ kind: "rows", reply: "{}" });
});

test("messages are published in order, one request at a time, what waits as a batch", async () => {
  const { dialect, posts, answers } = recorded();
  const first = dialect.publish?.([message(1)]);
  await dialect.publish?.([message(2)]);
  await dialect.publish?.([message(3)]);
  expect(posts).toMatchObject([{ path: "/api/publish", key: "key", body: { channel: "world", data: { seqId: 1 } } }]);
  answers[0]?.();
  await Promise.resolve();
  await Bun.sleep(0);
  expect(posts[1]).toMatchObject({
    path: "/api/batch",
    body: { commands: [{ publish: { data: { seqId: 2 } } }, { publish: { data: { seqId: 3 } } }] },
  });
  answers[1]?.();
  await first;
});
