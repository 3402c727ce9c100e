import { nowMs } from "./clock.ts";
import { benchContent } from "./dialect.ts";
import { type Person, say } from "./people.ts";
import type { Traffic } from "./traffic.ts";

const bytes = 200;

/** Writes messages into the world over HTTP, each as another of the people; each is known by its ack before the next is
 *  written. Rejects when one is refused. */
export async function post(traffic: Traffic, url: string, people: readonly Person[], count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    const sent = { route: { socket: -1, conversationId: "world" }, dueMs: nowMs(), seq: 0, id: "" };
    const clientMsgId = `${traffic.prefix}${traffic.add(sent)}`;
    const person = people[index % people.length];
    const content = benchContent(sent.dueMs, bytes);
    Object.assign(sent, await say(url, person, { conversationId: "world", content, clientMsgId }));
  }
}
