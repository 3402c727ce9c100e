import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import type { DescService, MessageInitShape } from "@bufbuild/protobuf";
import type { GenFile } from "@bufbuild/protobuf/codegenv2";
import type { Client, Interceptor } from "@connectrpc/connect";
import { isPublic } from "../../../gateway/rpc/public.ts";
import { defaultRules } from "../../../infra/ratelimit/rules.ts";
import { createRemoteClient } from "../../../infra/rpc/client.ts";
import { connectErrors } from "../../../proto/connect-errors.ts";
import { AppError } from "../../../proto/errors.ts";
import { AuthService } from "../../../proto/gen/gochat/logic/v1/auth_service_pb.ts";
import { ConversationService } from "../../../proto/gen/gochat/logic/v1/conversation_service_pb.ts";
import { FriendService } from "../../../proto/gen/gochat/logic/v1/friend_service_pb.ts";
import {
  MessageService,
  type SendMessageRequestSchema,
} from "../../../proto/gen/gochat/logic/v1/message_service_pb.ts";
import { UserService } from "../../../proto/gen/gochat/logic/v1/user_service_pb.ts";
import { type Account, newAccount } from "../../support/api.ts";
import { openSocket } from "../../support/socket.ts";
import { openTown, serviceToken, type Town } from "./gateway-fixture.ts";

let town: Town;
let ann: Account;
let bob: Account;
beforeAll(async () => {
  town = await openTown();
  ann = await newAccount(town.api);
  bob = await newAccount(town.api);
});
afterAll(() => town[Symbol.asyncDispose]());

const kinds = [
  { protocol: "connect", json: false },
  { protocol: "connect", json: true },
  { protocol: "grpc-web", json: false },
] as const;
type Kind = (typeof kinds)[number];

function client<S extends DescService>(service: S, headers: Record<string, string>, kind: Kind = kinds[0]): Client<S> {
  const withHeaders: Interceptor = (next) => (request) => {
    for (const [name, value] of Object.entries(headers)) request.header.set(name, value);
    return next(request);
  };
  return createRemoteClient(service, {
    baseUrl: town.url,
    errors: connectErrors,
    interceptors: [withHeaders],
    protocol: kind.protocol,
    json: kind.json,
  });
}

const bearer = (account: Account) => ({ Authorization: `Bearer ${account.accessToken}` });

async function codeOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => "ok",
    (error: unknown) => (error instanceof AppError ? error.code : String(error)),
  );
}

for (const kind of kinds) {
  const name = `${kind.protocol}${kind.json ? " json" : ""}`;
  test(`30 §1: ${name}: sign in, send, read the history; the socket gets the push`, async () => {
    const auth = client(AuthService, {}, kind);
    const signedIn = await auth.login({ username: ann.username, password: ann.password });
    const headers = { Authorization: `Bearer ${signedIn.accessToken}` };
    await using b = await openSocket(town.url, bob.accessToken);
    const sent = await client(MessageService, headers, kind).sendMessage({
      conversationId: "world",
      content: `by ${name}`,
      type: 1,
    });
    expect(sent.message?.sender?.id).toBe(ann.userId);
    expect(sent.clientMsgId).not.toBe("");
    await b.next("new-message", ({ data }) => data.content === `by ${name}`);
    const page = await client(ConversationService, headers, kind).getMessages({ conversationId: "world", limit: 1 });
    expect(page.messages.map(({ content }) => content)).toEqual([`by ${name}`]);
  });
}

test("30 §1: what the caller says about itself is overwritten, by fields and by headers", async () => {
  const forged = {
    ...bearer(ann),
    "x-user-id": bob.userId,
    "x-is-guest": "true",
    "x-service-name": "logic",
    "x-service-token": "x",
  };
  const sent = await client(MessageService, forged).sendMessage({
    userId: bob.userId,
    sessionId: "another",
    conversationId: "world",
    content: "whose?",
    type: 1,
  });
  expect(sent.message?.sender?.id).toBe(ann.userId);
  const profile = await client(UserService, forged).getProfile({ userId: bob.userId });
  expect(profile.user?.id).toBe(ann.userId);
});

test("30 §1: methods for services only are not reachable, with any token", async () => {
  const auth = client(AuthService, bearer(ann));
  for (const call of [
    auth.getKeySet({}),
    auth.validateToken({ accessToken: ann.accessToken }),
    auth.revokeSessions({ userId: bob.userId }),
    client(ConversationService, bearer(ann)).getRooms({ userIds: [bob.userId] }),
  ]) {
    expect(await codeOf(call)).toBe("METHOD_NOT_ALLOWED");
  }
});

test("30 §1: repo and Pusher are never exposed, with any token", async () => {
  const paths = (await insideServices()).flatMap(({ typeName, methods }) =>
    methods.map(({ name }) => `${typeName}/${name}`),
  );
  expect(paths.length).toBeGreaterThan(60);
  expect(paths).toContain("gochat.gateway.v1.PusherService/PushToUsers");
  const service = { "x-service-name": "im-logic", "x-service-token": serviceToken };
  for (const path of paths) {
    const response = await fetch(`${town.url}/${path}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...bearer(ann), ...service },
      body: "{}",
    });
    expect([path, response.status]).toEqual([path, 404]);
  }
  // The same call is answered where services call it.
  const inside = await fetch(`${town.gateway.rpcUrl}/gochat.gateway.v1.PusherService/GetStats`, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...service },
    body: "{}",
  });
  expect(inside.status).toBe(200);
});

/** Every service of repo and of the gateway, by the generated files. */
async function insideServices(): Promise<DescService[]> {
  const gen = new URL("../../../proto/gen/gochat/", import.meta.url).pathname;
  const names = readdirSync(gen, { recursive: true, encoding: "utf8" });
  const files = names.filter((name) => /^(repo|gateway)\/.*_service_pb\.ts$/.test(name));
  const modules = await Promise.all(files.map((name): Promise<Record<string, unknown>> => import(gen + name)));
  return modules.flatMap((module) =>
    Object.entries(module).flatMap(([name, file]) => (name.startsWith("file_") ? [...(file as GenFile).services] : [])),
  );
}

test("30 §1: without a token every method but the entrances of AuthService is refused", async () => {
  for (const service of [AuthService, UserService, ConversationService, MessageService, FriendService]) {
    for (const method of service.methods.filter(isPublic)) {
      const response = await fetch(`${town.url}/${service.typeName}/${method.name}`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: "{}",
      });
      const open = ["Login", "Register", "RefreshToken", "GuestLogin"].includes(method.name);
      expect([method.name, response.status === 401 || open]).toEqual([method.name, true]);
    }
  }
  expect(await codeOf(client(UserService, { Authorization: "Bearer x" }).getProfile({}))).toBe("INVALID_TOKEN");
  expect(await codeOf(client(UserService, { Authorization: `Bearer ${ann.refreshToken}` }).getProfile({}))).toBe(
    "INVALID_TOKEN",
  );
});

test("10 §1: the entrance checks are those of the other protocols", async () => {
  const message = client(MessageService, bearer(ann));
  const base: Omit<MessageInitShape<typeof SendMessageRequestSchema>, "$typeName"> = {
    conversationId: "world",
    content: "x",
    type: 1,
  };
  const cases: [MessageInitShape<typeof SendMessageRequestSchema>, string][] = [
    [{ ...base, content: "" }, "MESSAGE_EMPTY"],
    [{ ...base, content: "a\0" }, "INVALID_MESSAGE_FORMAT"],
    [{ ...base, content: "x".repeat(5001) }, "MESSAGE_TOO_LONG"],
    [{ ...base, type: 4 }, "UNSUPPORTED_MESSAGE_TYPE"],
    [{ ...base, clientMsgId: "x".repeat(65) }, "INVALID_MESSAGE_FORMAT"],
    [{ ...base, extra: "{" }, "INVALID_MESSAGE_FORMAT"],
    [{ ...base, conversationId: "' OR 1=1 --" }, "INVALID_MESSAGE_FORMAT"],
    [{ ...base, conversationId: "424242" }, "CONVERSATION_NOT_FOUND"],
  ];
  for (const [request, code] of cases) expect(await codeOf(message.sendMessage(request))).toBe(code);
  expect(await codeOf(client(AuthService, {}).login({ username: "a\0b", password: "x" }))).toBe("INVALID_PARAMETER");
  const big = { username: "x".repeat(1_200_000), password: "x" };
  expect(await codeOf(client(AuthService, {}).login(big))).not.toBe("ok");
});

test("30 §1: a browser of another origin may call, and read the headers it needs", async () => {
  const url = `${town.url}/gochat.logic.v1.UserService/GetProfile`;
  const preflight = await fetch(url, {
    method: "OPTIONS",
    headers: { Origin: "https://elsewhere.test", "Access-Control-Request-Method": "POST" },
  });
  expect(preflight.status).toBe(204);
  for (const name of ["Connect-Protocol-Version", "X-Grpc-Web", "Grpc-Timeout"]) {
    expect(preflight.headers.get("access-control-allow-headers")).toContain(name);
  }
  const called = await fetch(url, {
    method: "POST",
    headers: { Origin: "https://elsewhere.test", "Content-Type": "application/json", ...bearer(ann) },
    body: "{}",
  });
  expect(called.status).toBe(200);
  expect(called.headers.get("access-control-allow-origin")).toBe("*");
  expect(called.headers.get("access-control-expose-headers")).toContain("Grpc-Status");
});

test("10 §1: the trace id is echoed in the header of every answer, of a refusal too", async () => {
  for (const type of ["application/json", "application/proto", "application/grpc-web+proto"]) {
    const headers = { "Content-Type": type, "X-Request-ID": "of-ours" };
    const ask = () => fetch(`${town.url}/gochat.logic.v1.UserService/GetProfile`, { method: "POST", headers });
    expect((await ask()).headers.get("x-trace-id")).toBe("of-ours");
    town.ratelimit.setRules({ ...defaultRules, machine_qps: { mode: "local", ratePerSecond: 0.1, capacity: 1 } });
    town.ratelimit.setEnabled(true);
    try {
      await ask();
      expect((await ask()).headers.get("x-trace-id")).toBe("of-ours");
    } finally {
      town.ratelimit.setEnabled(false);
      town.ratelimit.setRules(defaultRules);
    }
  }
});

test("10 §3: a logout by Connect ends the token and the sockets", async () => {
  const carl = await newAccount(town.api);
  await using c = await openSocket(town.url, carl.accessToken);
  await client(AuthService, bearer(carl)).logout({ accessToken: ann.accessToken, userId: ann.userId });
  expect(await c.closed).toBe(4004);
  expect(await codeOf(client(UserService, bearer(carl)).getProfile({}))).toBe("INVALID_TOKEN");
  expect(await codeOf(client(UserService, bearer(ann)).getProfile({}))).toBe("ok");
});
