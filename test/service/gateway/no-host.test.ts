import { afterAll, beforeAll, expect, test } from "bun:test";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { type Account, newAccount } from "../../support/api.ts";
import { openTown, type Town } from "./gateway-fixture.ts";

let town: Town;
let ann: Account;
let bob: Account;
beforeAll(async () => {
  town = await openTown();
  [ann, bob] = [await newAccount(town.api), await newAccount(town.api)];
});
afterAll(() => town[Symbol.asyncDispose]());

async function exchange(lines: readonly string[], body = ""): Promise<string> {
  const { hostname, port } = new URL(town.url);
  const socket = connect(Number(port), hostname);
  const length = `Content-Length: ${Buffer.byteLength(body)}`;
  socket.write([...lines, "Content-Type: application/json", length, "Connection: close", "", body].join("\r\n"));
  return await text(socket);
}

for (const [what, version, ...host] of [
  ["without a host", "HTTP/1.0"],
  ["with a host that is none", "HTTP/1.1", "Host: a b"],
] as const) {
  test(`a request ${what} finds its path, query and body`, async () => {
    const headers = [...host, `Authorization: Bearer ${ann.accessToken}`];
    const found = await exchange([`GET /api/users/search?q=${bob.username} ${version}`, ...headers]);
    expect(found).toContain(`"id":"${bob.userId}"`);
    const send = `POST /api/v1/conversations/world/messages ${version}`;
    const sent = await exchange([send, ...headers], '{"content":"x","messageType":1}');
    expect(sent).toContain('"seqId":');
    const call = `POST /gochat.logic.v1.ConversationService/GetConversation ${version}`;
    const called = await exchange([call, ...headers], '{"conversationId":"world"}');
    expect(called).toContain('"id":"world"');
    expect(await exchange([`GET /health ${version}`, ...host])).toContain('"status":"ok"');
  });
}
