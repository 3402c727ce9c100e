import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import { MessageType } from "#proto/gen/gochat/common/v1/message_pb.ts";
import { PusherService } from "#proto/gen/gochat/gateway/v1/pusher_service_pb.ts";
import { AuthService } from "#proto/gen/gochat/logic/v1/auth_service_pb.ts";
import { ConversationService } from "#proto/gen/gochat/logic/v1/conversation_service_pb.ts";
import { MessageService } from "#proto/gen/gochat/logic/v1/message_service_pb.ts";
import { UserService as LogicUserService } from "#proto/gen/gochat/logic/v1/user_service_pb.ts";
import { UserService } from "#proto/gen/gochat/repo/v1/user_service_pb.ts";
import { type Account, createApi, newAccount, wholeHistory } from "./api.ts";
import { type Inside, insideOf, needsInside, notOurs, type Target } from "./target.ts";

let target: Target;
let inside: Inside;
let ann: Account;
let ben: Account;

/** Connect and gRPC-Web at the gateways of what `start` starts, and between services. */
export function connectFlows(start: () => Promise<Target>): void {
  beforeAll(async () => {
    target = await start();
    if (!notOurs) inside = insideOf(target);
    ann = await newAccount(createApi(target.first), "ann");
    ben = await newAccount(createApi(target.first), "ben");
  });
  afterAll(() => target?.[Symbol.asyncDispose]());

  for (const [name, create] of protocols)
    for (const useBinaryFormat of [true, false])
      describe(`${name}, ${useBinaryFormat ? "binary" : "JSON"}`, () =>
        protocol(name, (baseUrl) => create({ baseUrl, useBinaryFormat })));

  test("CORS: a browser of another origin may call, in development", crossOrigin);
  test.skipIf(notOurs)(
    `the health protocol answers without a token at logic, repo and the gateway${needsInside}`,
    health,
  );
}

const protocols: readonly [string, (options: { baseUrl: string; useBinaryFormat: boolean }) => Transport][] = [
  ["Connect", createConnectTransport],
  ["gRPC-Web", createGrpcWebTransport],
];

async function codeOf(call: Promise<unknown>): Promise<Code | undefined> {
  try {
    await call;
    return undefined;
  } catch (error) {
    return ConnectError.from(error).code;
  }
}

function protocol(name: string, at: (baseUrl: string) => Transport): void {
  const bearer = (account: Account) => ({ headers: { Authorization: `Bearer ${account.accessToken}` } });

  test("the gateway: sign in, send, read back; the caller's fields are the token's", async () => {
    const auth = createClient(AuthService, at(target.last));
    const { user } = await auth.login({ username: ann.username, password: ann.password });
    expect(user?.id).toBe(ann.userId);
    const messages = createClient(MessageService, at(target.last));
    const sent = await messages.sendMessage(
      {
        // Forged: the gateway writes its own facts over it.
        userId: ben.userId,
        conversationId: "world",
        content: `over ${name}`,
        type: MessageType.TEXT,
        clientMsgId: crypto.randomUUID(),
      },
      { headers: { Authorization: `Bearer ${ann.accessToken}`, "x-user-id": ben.userId } },
    );
    expect(sent.message?.sender?.id).toBe(ann.userId);
    const rows = await wholeHistory(createApi(target.last), "world", ben.accessToken);
    expect(rows.find((row) => row.id === sent.message?.id)).toMatchObject({ senderId: ann.userId });
  });

  test("the gateway: without a token, and methods that are not public", async () => {
    const conversations = createClient(ConversationService, at(target.last));
    expect(await codeOf(conversations.getUnreadCount({}))).toBe(Code.Unauthenticated);
    const rooms = await codeOf(conversations.getRooms({ userIds: [ann.userId] }, bearer(ann)));
    expect([Code.Unimplemented, Code.NotFound]).toContain(rooms ?? Code.Unknown);
    const repo = await codeOf(createClient(UserService, at(target.last)).getUser({ userId: ann.userId }, bearer(ann)));
    expect([Code.Unimplemented, Code.NotFound]).toContain(repo ?? Code.Unknown);
  });

  test("the gateway: an error carries its code", async () => {
    const conversations = createClient(ConversationService, at(target.last));
    const code = await codeOf(conversations.getConversation({ conversationId: "group_1" }, bearer(ann)));
    expect(code).toBe(Code.NotFound);
  });

  test.skipIf(notOurs)(
    `logic, repo and the gateway's own service: with the service token only${needsInside}`,
    async () => {
      const service = { headers: { "x-service-name": "test", "x-service-token": inside.serviceToken } };
      const wrong = { headers: { "x-service-name": "test", "x-service-token": "x".repeat(64) } };
      const logic = createClient(LogicUserService, at(inside.logicUrl));
      const repo = createClient(UserService, at(inside.repoUrl));
      expect((await logic.getProfile({ userId: ann.userId }, service)).user?.username).toBe(ann.username);
      expect((await repo.getUser({ userId: ann.userId }, service)).user?.username).toBe(ann.username);
      const pusher = createClient(PusherService, at(inside.pusherUrl));
      expect((await pusher.getStats({}, service)).sessions).toBeGreaterThanOrEqual(0);
      for (const options of [{}, wrong, bearer(ann)]) {
        expect(await codeOf(pusher.getStats({}, options))).toBe(Code.Unauthenticated);
        expect(await codeOf(logic.getProfile({ userId: ann.userId }, options))).toBe(Code.Unauthenticated);
        expect(await codeOf(repo.getUser({ userId: ann.userId }, options))).toBe(Code.Unauthenticated);
      }
    },
  );
}

async function crossOrigin(): Promise<void> {
  const answer = await fetch(`${target.last}/gochat.logic.v1.MessageService/SendMessage`, {
    method: "OPTIONS",
    headers: {
      Origin: "https://app.example.org",
      "Access-Control-Request-Method": "POST",
      "Access-Control-Request-Headers": "authorization,connect-protocol-version,content-type,x-grpc-web",
    },
  });
  expect(answer.status).toBe(204);
  expect(answer.headers.get("access-control-allow-origin")).toMatch(/^(\*|https:\/\/app\.example\.org)$/);
  const allowed = answer.headers.get("access-control-allow-headers")?.toLowerCase() ?? "";
  for (const header of ["authorization", "connect-protocol-version", "content-type", "x-grpc-web"])
    expect(allowed).toContain(header);
}

async function health(): Promise<void> {
  for (const url of [inside.logicUrl, inside.repoUrl, inside.pusherUrl]) {
    const answer = await fetch(`${url}/grpc.health.v1.Health/Check`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: "{}",
    });
    expect(await answer.json()).toEqual({ status: "SERVING" });
  }
}
