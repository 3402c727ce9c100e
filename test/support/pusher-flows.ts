import { afterAll, beforeAll, expect, test } from "bun:test";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { PusherService } from "#proto/gen/gochat/gateway/v1/pusher_service_pb.ts";
import { createApi, newAccount } from "./api.ts";
import { opener, subprotocols } from "./socket.ts";
import { type Inside, insideOf, needsInside, notOurs, type Target } from "./target.ts";

/** What services ask of the gateways of what `start` starts (spec 30 §5). */
export function pusherFlows(start: () => Promise<Target>): void {
  let target: Target;
  let inside: Inside;
  beforeAll(async () => {
    target = await start();
    if (!notOurs) inside = insideOf(target);
  });
  afterAll(() => target?.[Symbol.asyncDispose]());

  const pusher = () => createClient(PusherService, createConnectTransport({ baseUrl: inside.pusherUrl }));
  const service = () => ({ headers: { "x-service-name": "test", "x-service-token": inside.serviceToken } });

  test.skipIf(notOurs).each(subprotocols)(
    `a signal by %s reaches every socket of a user once, on whichever gateway${needsInside}`,
    async (subprotocol) => {
      const api = createApi(target.first);
      const [ann, away] = [await newAccount(api), await newAccount(api)];
      const open = opener(subprotocol);
      await using here = await open(target.first, ann.accessToken, { query: { deviceId: "phone" } });
      await using there = await open(target.last, ann.accessToken, { query: { deviceId: "laptop" } });
      const id = crypto.randomUUID();
      const payload = JSON.stringify({ id, type: "system", payload: { text: "hello" }, createdAt: 1_800_000_000 });
      const signal = { type: "notification", payload, traceId: id, ttlMs: 5000n };
      const answer = await pusher().pushToUsers({ userIds: [ann.userId, away.userId], signal }, service());
      expect(answer).toMatchObject({ delivered: 2, offlineUserIds: [away.userId] });
      for (const socket of [here, there]) {
        expect((await socket.next("notification")).data).toMatchObject({ id, payload: { text: "hello" } });
        socket.send("ping");
        await socket.next("pong");
        expect(socket.frames.filter(({ type }) => type === "notification")).toHaveLength(1);
      }
    },
  );

  test.skipIf(notOurs)(`a session is counted, and closed with the code that a service says${needsInside}`, async () => {
    const ann = await newAccount(createApi(target.first));
    await using here = await opener(subprotocols[0])(target.first, ann.accessToken);
    const stats = await pusher().getStats({}, service());
    expect(stats.sessions).toBeGreaterThanOrEqual(1);
    expect(stats.rooms).toBeGreaterThanOrEqual(1);
    const sessionIds = [String(here.frames[0]?.data.sessionId)];
    expect((await pusher().kickSessions({ sessionIds, code: 4004, reason: "signed out" }, service())).kicked).toBe(1);
    expect(await here.closed).toBe(4004);
  });
}
