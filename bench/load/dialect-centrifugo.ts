import { messageToJson } from "#proto/message-json.ts";
import { type Dialect, type Heard, mergeBatches, type RowBatch } from "./dialect.ts";
import { rowsOfJson } from "./dialect-json.ts";
import { createRows } from "./dialect-reference.ts";

/** How a Centrifugo that is already running is reached. */
export interface CentrifugoPlace {
  /** http://host:port of its HTTP API; the sockets go to /connection/websocket there. */
  readonly url: string;
  /** Of the HTTP API, header X-API-Key. */
  readonly apiKey: string;
  /** A connection token (JWT); without one it has to allow anonymous clients. */
  readonly token: string | undefined;
}

/** Its channel must allow clients to subscribe (`allow_subscribe_for_client`, for anonymous ones `allow_subscribe_for_anonymous`). */
export const centrifugoChannel = "world";

const connectId = 1;
const subscribeId = 2;

interface Reply {
  readonly id?: number;
  readonly error?: { readonly code: number; readonly message: string };
  readonly subscribe?: unknown;
  readonly push?: { readonly channel: string; readonly pub?: { readonly data: Row } };
}

type Row = Parameters<typeof rowsOfJson>[1][number];

/** The JSON client protocol of Centrifugo (version 2): commands with ids, several replies in one message by lines, `{}` both
 *  ways as ping and pong. Messages are published by the HTTP API, with rows as GoChat pushes them for data. */
export function centrifugoDialect(place: CentrifugoPlace, post: typeof postJson = postJson): Dialect {
  const rowsOf = createRows();
  const publish = createPublisher(place, post);
  return {
    path: "/connection/websocket",
    subprotocol: undefined,
    readyAtUpgrade: false,
    hello: [
      JSON.stringify({ id: connectId, connect: place.token === undefined ? {} : { token: place.token } }),
      JSON.stringify({ id: subscribeId, subscribe: { channel: centrifugoChannel } }),
    ],
    hear: (payload) => heard(payload.toString()),
    send: () => [],
    publish: (messages) => publish(rowsOf(messages).map(messageToJson)),
    sync: () => "{}",
  };
}

function heard(text: string): Heard {
  const batches: RowBatch[] = [];
  let other: Heard = { kind: "other" };
  let ping = false;
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const reply = JSON.parse(line) as Reply;
    const data = reply.push?.pub?.data;
    if (line === "{}") ping = true;
    else if (data !== undefined) batches.push({ ...rowsOfJson(data.conversationId, [data]), frames: 0 });
    else if (reply.error !== undefined) other = { kind: "error", code: `${reply.error.code} ${reply.error.message}` };
    else if (reply.id === subscribeId) other = { kind: "connected" };
  }
  const batch = batches.length === 0 ? undefined : mergeBatches(batches);
  if (batch !== undefined) return { kind: "rows", batch: { ...batch, frames: 1 }, reply: ping ? "{}" : undefined };
  return ping ? { kind: "reply", payload: "{}" } : other;
}

/** One request after the other, so that the order stays; what comes meanwhile goes with the next as a batch. */
function createPublisher({ url, apiKey }: CentrifugoPlace, post: typeof postJson) {
  let waiting: unknown[] = [];
  let busy = false;

  async function flush(): Promise<void> {
    busy = true;
    try {
      while (waiting.length > 0) {
        const some = waiting;
        waiting = [];
        const commands = some.map((data) => ({ channel: centrifugoChannel, data }));
        if (commands.length === 1) await post(`${url}/api/publish`, apiKey, commands[0]);
        else await post(`${url}/api/batch`, apiKey, { commands: commands.map((publish) => ({ publish })) });
      }
    } finally {
      busy = false;
    }
  }

  return async (rows: readonly unknown[]): Promise<void> => {
    waiting.push(...rows);
    if (!busy) await flush();
  };
}

/** Throws when it is not answered 200, or with an error. */
async function postJson(url: string, apiKey: string, body: unknown): Promise<void> {
  const headers = { "Content-Type": "application/json", "X-API-Key": apiKey };
  const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  const text = await answer.text();
  if (answer.status !== 200 || text.startsWith('{"error"'))
    throw new Error(`${new URL(url).pathname} answered ${answer.status}: ${text}`);
}
