import { afterAll, describe, expect, test } from "bun:test";
import { type ServerProcess, startServer } from "../../bench/server-process.ts";
import { type Api, createApi, newAccount, wholeHistory } from "../support/api.ts";
import { chatFlows } from "../support/chat-flows.ts";
import { openSocket, type TestSocket, until } from "../support/socket.ts";

/** Three processes on a busy machine. */
const startMs = 30_000;
// Started here and not in a hook: three processes may take longer than a hook may.
const server: ServerProcess = await startServer({ settings: { processes: "2", "ratelimit.enabled": "false" } });
afterAll(() => server[Symbol.asyncDispose](), startMs);

describe("two gateway processes on one port", () => {
  chatFlows(async () => ({ first: server.url, last: server.url, [Symbol.asyncDispose]: () => Promise.resolve() }));
});

const send = (api: Api, content: string, token: string): ReturnType<Api["call"]> =>
  api.call(
    "POST",
    "/conversations/world/messages",
    { content, messageType: 1, clientMsgId: crypto.randomUUID() },
    token,
  );

/** Processes that were started by this one and live. */
async function childrenOf(pid: number): Promise<number[]> {
  const text = await Bun.file(`/proc/${pid}/task/${pid}/children`).text();
  return text.split(" ").flatMap((one) => (one.trim() === "" ? [] : [Number(one)]));
}

describe("DESIGN §3.5: gateways beside the process with everything else", () => {
  /** Sockets until both gateways have one; the kernel spreads connections by their ports. */
  async function onBoth(token: () => Promise<string>): Promise<Map<string, TestSocket>> {
    const byGateway = new Map<string, TestSocket>();
    for (let tries = 0; byGateway.size < 2 && tries < 40; tries += 1) {
      const socket = await openSocket(server.url, await token());
      byGateway.set(String(socket.frames[0]?.data.gatewayId), socket);
    }
    expect(byGateway.size).toBe(2);
    return byGateway;
  }

  test("each has its own id, and a message of the world reaches the sockets of both once", async () => {
    const api = createApi(server.url);
    const sender = await newAccount(api);
    const sockets = await onBoth(async () => (await newAccount(api)).accessToken);
    const content = `to all ${crypto.randomUUID()}`;
    expect((await send(api, content, sender.accessToken)).status).toBe(201);
    for (const socket of sockets.values()) {
      const frame = await socket.next("new-message", ({ data }) => data.content === content);
      expect(frame.data.conversationId).toBe("world");
    }
  });

  test(
    "G1: one that is killed is started again, meanwhile the other serves, and nothing acked is missing",
    async () => {
      const api = createApi(server.url);
      const { accessToken: token } = await newAccount(api);
      const before = await childrenOf(server.pid);
      expect(before).toHaveLength(2);
      const [victim = 0] = before;
      process.kill(victim, "SIGKILL");
      const content = `kept ${crypto.randomUUID()}`;
      await until("a send is taken", async () => {
        const answer = await send(api, content, token).catch(() => undefined);
        return answer?.status === 201;
      });
      await until("there are two again", async () => {
        const now = await childrenOf(server.pid);
        return now.length === 2 && !now.includes(victim);
      });
      const rows = await wholeHistory(api, "world", token);
      expect(rows.some((row) => row.content === content)).toBe(true);
    },
    startMs,
  );

  test("G8: a stop drains all of them, and the exit code is 0", async () => {
    const all = await childrenOf(server.pid);
    expect(await server.stop()).toBe(0);
    for (const pid of all) expect(await Bun.file(`/proc/${pid}/stat`).exists()).toBe(false);
  });
});
