import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import { MessageType } from "#proto/gen/gochat/common/v1/message_pb.ts";
import { AuthService } from "#proto/gen/gochat/logic/v1/auth_service_pb.ts";
import { ConversationService } from "#proto/gen/gochat/logic/v1/conversation_service_pb.ts";
import { MessageService } from "#proto/gen/gochat/logic/v1/message_service_pb.ts";
import { UserService as LogicUserService } from "#proto/gen/gochat/logic/v1/user_service_pb.ts";
import { UserService } from "#proto/gen/gochat/repo/v1/user_service_pb.ts";
import { type ServerProcess, startServer } from "../../bench/server-process.ts";
import { type Account, createApi, newAccount, wholeHistory } from "../support/api.ts";

let server: ServerProcess;
let ann: Account;
let ben: Account;
let logicUrl = "";
let repoUrl = "";
let serviceToken = "";

beforeAll(async () => {
  logicUrl = `http://127.0.0.1:${await freePort()}`;
  repoUrl = `http://127.0.0.1:${await freePort()}`;
  server = await startServer({
    settings: {
      "ratelimit.enabled": "false",
      "all.logic_port": new URL(logicUrl).port,
      "all.repo_port": new URL(repoUrl).port,
    },
  });
  ann = await newAccount(createApi(server.url), "ann");
  ben = await newAccount(createApi(server.url), "ben");
  serviceToken = (await readFile(join(server.data, "service-token"), "utf8")).trim();
});
afterAll(() => server?.stop());

async function freePort(): Promise<number> {
  const probe = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
  const port = probe.port ?? 0;
  await probe.stop(true);
  return port;
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

for (const [name, create] of protocols)
  for (const useBinaryFormat of [true, false]) {
    describe(`${name}, ${useBinaryFormat ? "binary" : "JSON"}`, () => {
      const at = (baseUrl: string): Transport => create({ baseUrl, useBinaryFormat });
      const bearer = (account: Account) => ({ headers: { Authorization: `Bearer ${account.accessToken}` } });

      test("8080: sign in, send, read back; the caller's fields are the token's", async () => {
        const auth = createClient(AuthService, at(server.url));
        const { user } = await auth.login({ username: ann.username, password: ann.password });
        expect(user?.id).toBe(ann.userId);
        const messages = createClient(MessageService, at(server.url));
        const sent = await messages.sendMessage(
          {
            // Forged: the gateway writes its own facts over it.
            userId: ben.userId,
            conversationId: "world",
            content: `over ${name}`,
            type: MessageType.TEXT,
            clientMsgId: `${name}-${useBinaryFormat}`,
          },
          { headers: { Authorization: `Bearer ${ann.accessToken}`, "x-user-id": ben.userId } },
        );
        expect(sent.message?.sender?.id).toBe(ann.userId);
        const rows = await wholeHistory(createApi(server.url), "world", ben.accessToken);
        expect(rows.find((row) => row.id === sent.message?.id)).toMatchObject({ senderId: ann.userId });
      });

      test("8080: without a token, and methods that are not public", async () => {
        const conversations = createClient(ConversationService, at(server.url));
        expect(await codeOf(conversations.getUnreadCount({}))).toBe(Code.Unauthenticated);
        const rooms = await codeOf(conversations.getRooms({ userIds: [ann.userId] }, bearer(ann)));
        expect([Code.Unimplemented, Code.NotFound]).toContain(rooms ?? Code.Unknown);
        const repo = await codeOf(
          createClient(UserService, at(server.url)).getUser({ userId: ann.userId }, bearer(ann)),
        );
        expect([Code.Unimplemented, Code.NotFound]).toContain(repo ?? Code.Unknown);
      });

      test("8080: an error carries its code", async () => {
        const conversations = createClient(ConversationService, at(server.url));
        const code = await codeOf(conversations.getConversation({ conversationId: "group_1" }, bearer(ann)));
        expect(code).toBe(Code.NotFound);
      });

      test("9001 and 9002: with the service token only", async () => {
        const service = { headers: { "x-service-name": "test", "x-service-token": serviceToken } };
        const wrong = { headers: { "x-service-name": "test", "x-service-token": "x".repeat(64) } };
        const logic = createClient(LogicUserService, at(logicUrl));
        const repo = createClient(UserService, at(repoUrl));
        expect((await logic.getProfile({ userId: ann.userId }, service)).user?.username).toBe(ann.username);
        expect((await repo.getUser({ userId: ann.userId }, service)).user?.username).toBe(ann.username);
        for (const options of [{}, wrong]) {
          expect(await codeOf(logic.getProfile({ userId: ann.userId }, options))).toBe(Code.Unauthenticated);
          expect(await codeOf(repo.getUser({ userId: ann.userId }, options))).toBe(Code.Unauthenticated);
        }
      });
    });
  }

test("CORS: a browser of another origin may call, in development", async () => {
  const answer = await fetch(`${server.url}/gochat.logic.v1.MessageService/SendMessage`, {
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
});

test("the health protocol answers without a token on 9001 and 9002", async () => {
  for (const url of [logicUrl, repoUrl]) {
    const answer = await fetch(`${url}/grpc.health.v1.Health/Check`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: "{}",
    });
    expect(await answer.json()).toEqual({ status: "SERVING" });
  }
});
