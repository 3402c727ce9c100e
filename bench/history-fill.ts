import { jsonDialect } from "./load/dialect-json.ts";
import { createFleet } from "./load/fleet.ts";
import type { Person } from "./load/people.ts";

/** Messages under way. */
const windowSize = 1000;
const contentBytes = 100;

/** Sends messages into conversations in turn, each by one of its people, until all are stored. Rejects when one is refused. */
export async function fillConversations(
  url: string,
  people: readonly Person[],
  conversationIds: readonly string[],
  messages: number,
  shown: (done: number) => void,
): Promise<void> {
  const { hostname: host, port } = new URL(url);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const run = crypto.randomUUID().slice(0, 8);
  const content = "x".repeat(contentBytes);
  let sent = 0;
  let stored = 0;
  const sendNext = (): void => {
    if (sent >= messages) return;
    const conversationId = conversationIds[sent % conversationIds.length] ?? "";
    const message = { conversationId, content, clientMsgId: `f-${run}-${sent}` };
    fleet.send(sent % people.length, jsonDialect.send([message]));
    sent += 1;
  };
  const options = {
    addresses: [{ host, port: Number(port) }],
    dialect: jsonDialect,
    tokens: people.map(({ token }) => token),
    size: people.length,
    atOnce: people.length,
  };
  const fleet = createFleet(options, {
    fresh: () => undefined,
    rows: () => undefined,
    missed: () => undefined,
    synced: () => undefined,
    ack(_, { success, clientMsgId }) {
      if (!success) reject(new Error(`${clientMsgId} was not stored`));
      stored += 1;
      if (stored % 5000 === 0) shown(stored);
      if (stored >= messages) resolve();
      else sendNext();
    },
    error: (_, code) => reject(new Error(`a send was answered ${code}`)),
    closed: (_, code) => reject(new Error(`a socket was closed with ${code}`)),
  });
  await fleet.open(people.length);
  for (let n = 0; n < Math.min(windowSize, messages); n += 1) sendNext();
  try {
    await promise;
  } finally {
    for (let index = 0; index < people.length; index += 1) fleet.socket(index)?.terminate();
  }
}
