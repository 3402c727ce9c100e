import { afterEach, describe, expect, test } from "bun:test";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { type Client, Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import { createBreakers } from "../breaker/breaker.ts";
import { createLocalCoord } from "../coord/local.ts";
import { type BalancerOptions, connectBalancer } from "./balancer.ts";
import { createBalancedClient } from "./client.ts";
import { EchoService } from "./conformance/echo_pb.ts";
import { connectService } from "./connect-service.ts";
import { createRpcHandler } from "./handler.ts";
import { rpcFailure } from "./resilience.ts";
import { connectErrorsOnly as errors, rpcService } from "./rpc.ts";

let opened = new AsyncDisposableStack();
afterEach(async () => {
  await opened.disposeAsync();
  opened = new AsyncDisposableStack();
});

/** An instance that tells its id, and keeps calls named `wait` until `let go`. */
function startInstance(id: string, port = 0) {
  const held: (() => void)[] = [];
  const seen = { calls: 0, failures: 0, timeoutMs: undefined as number | undefined, token: "", frozen: false };
  const impl = {
    async echo(request: { text: string }, context: HandlerContext) {
      seen.calls += 1;
      seen.timeoutMs = context.timeoutMs();
      seen.token = context.requestHeader.get("x-service-token") ?? "";
      seen.failures -= 1;
      if (seen.failures >= 0) throw new ConnectError("away", Code.Unavailable);
      if (request.text === "wait") await new Promise<void>((resolve) => held.push(resolve));
      return { traceId: id };
    },
  };
  const handler = createRpcHandler([rpcService(EchoService, impl)], { errors });
  const fetch = (request: Request): Promise<Response> | Response =>
    seen.frozen ? new Promise(() => undefined) : (handler(request) ?? new Response(null, { status: 404 }));
  const server = Bun.serve({ port, hostname: "127.0.0.1", fetch });
  const instance = { name: "im-test", id, address: "127.0.0.1", port: server.port ?? 0, metadata: {} };
  opened.defer(() => server.stop(true));
  const letGo = (): void => {
    for (const go of held.splice(0)) go();
  };
  return { id, instance, server, held, seen, letGo };
}

async function setup(ids: readonly string[], options: Partial<BalancerOptions> = {}) {
  const coord = opened.use(createLocalCoord({}));
  const instances = ids.map((id) => startInstance(id));
  const registered = await Promise.all(instances.map(({ instance }) => coord.register(instance)));
  const balancer = opened.use(await connectBalancer({ coord, name: "im-test", ...options }));
  const client = createBalancedClient(EchoService, { balancer, errors });
  return { coord, instances, registered, balancer, client };
}

const who = async (client: Client<typeof EchoService>, text = ""): Promise<string> =>
  (await client.echo({ text })).traceId;
const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await Bun.sleep(2);
};

describe("spec 30 §1: discovery", () => {
  test("a call goes to the instance with the fewest calls in flight", async () => {
    const { client, instances, balancer } = await setup(["a", "b", "c"]);
    const waiting = [who(client, "wait"), who(client, "wait")];
    await until(() => instances.flatMap(({ held }) => held).length === 2);
    const busy = new Set(instances.filter(({ held }) => held.length > 0).map(({ id }) => id));
    expect(busy.size).toBe(2);
    const free = instances.find(({ id }) => !busy.has(id));
    for (let n = 0; n < 5; n += 1) expect(await who(client)).toBe(free?.id ?? "");
    expect(
      balancer
        .instances()
        .map(({ calls }) => calls)
        .toSorted(),
    ).toEqual([0, 1, 1]);
    for (const { letGo } of instances) letGo();
    await Promise.all(waiting);
    expect(balancer.instances().every(({ calls }) => calls === 0)).toBe(true);
  });

  test("equals take turns", async () => {
    const { client } = await setup(["a", "b"]);
    const answered: string[] = [];
    for (let n = 0; n < 10; n += 1) answered.push(await who(client));
    expect(answered.filter((id) => id === "a").length).toBe(5);
  });

  test("an instance that comes is used, one that leaves is not, and its calls under way are answered", async () => {
    const { client, coord, instances, registered, balancer } = await setup(["a"]);
    const waiting = who(client, "wait");
    await until(() => instances[0]?.held.length === 1);
    const late = startInstance("b");
    await coord.register(late.instance);
    await registered[0]?.unregister();
    await until(() => balancer.instances().length === 1 && balancer.instances()[0]?.id === "b");
    expect(await who(client)).toBe("b");
    instances[0]?.letGo();
    expect(await waiting).toBe("a");
  });

  test("without an instance a call is unavailable", async () => {
    const { client } = await setup([]);
    expect(ConnectError.from(await who(client).catch((error: unknown) => error)).code).toBe(Code.Unavailable);
  });

  test("a direct address overrides the registry", async () => {
    const direct = startInstance("direct");
    const { client } = await setup(["a"], { address: `http://127.0.0.1:${direct.server.port}/` });
    for (let n = 0; n < 3; n += 1) expect(await who(client)).toBe("direct");
  });
});

describe("health", () => {
  test("an instance that is gone costs no call, and is tried again when its time is over", async () => {
    let nowMs = 0;
    const { client, instances, balancer } = await setup(["a", "b"], { target: { clock: () => nowMs } });
    const [a] = instances;
    const port = a?.server.port ?? 0;
    await a?.server.stop(true);
    for (let n = 0; n < 10; n += 1) expect(await who(client)).toBe("b");
    expect(balancer.instances().find(({ id }) => id === "a")?.failing).toBe(true);
    startInstance("a", port);
    for (let n = 0; n < 5; n += 1) expect(await who(client)).toBe("b");
    nowMs += 500;
    expect([await who(client), await who(client)].toSorted()).toEqual(["a", "b"]);
    expect(balancer.instances().find(({ id }) => id === "a")?.failing).toBe(false);
  });

  test("an instance that does not answer in time stays out of the choice", async () => {
    const { client, balancer, instances } = await setup(["a", "b"]);
    const [a] = instances;
    if (a !== undefined) a.seen.frozen = true;
    const ends = await Promise.allSettled([1, 2].map(() => client.echo({}, { timeoutMs: 50 })));
    const late = ends.flatMap((end) => (end.status === "rejected" ? [ConnectError.from(end.reason).code] : []));
    expect(late).toEqual([Code.DeadlineExceeded]);
    expect(balancer.instances().map(({ id, failing }) => [id, failing])).toEqual([
      ["a", true],
      ["b", false],
    ]);
    expect([await who(client), await who(client), await who(client)]).toEqual(["b", "b", "b"]);
  });

  test("a caller that goes away says nothing about the instance", async () => {
    const { client, balancer, instances } = await setup(["a"]);
    const away = new AbortController();
    const call = client.echo({ text: "wait" }, { signal: away.signal }).catch(() => undefined);
    await until(() => instances[0]?.held.length === 1);
    away.abort();
    await call;
    expect(balancer.instances()[0]).toMatchObject({ failing: false, calls: 0 });
  });

  test("when all fail, calls are tried all the same", async () => {
    const { client, instances } = await setup(["a", "b"]);
    const ports = instances.map(({ server }) => server.port ?? 0);
    for (const { server } of instances) await server.stop(true);
    for (let n = 0; n < 3; n += 1)
      expect(ConnectError.from(await who(client).catch((error: unknown) => error)).code).toBe(Code.Unavailable);
    for (const port of ports) startInstance(String(port), port);
    expect(ports.map(String)).toContain(await who(client));
  });
});

describe("limits of a target", () => {
  test("at most 64 connections; further calls wait in line, those past 1000 are refused", async () => {
    const { client, instances, balancer } = await setup(["a"]);
    const [a] = instances;
    const calls = Array.from({ length: 1000 }, () => who(client, "wait"));
    await until(() => a?.held.length === 64);
    expect(balancer.instances()[0]?.calls).toBe(1000);
    const refused = await who(client).catch((error: unknown) => error);
    expect(ConnectError.from(refused).code).toBe(Code.ResourceExhausted);
    expect(a?.held.length).toBe(64);
    let over = false;
    const all = Promise.all(calls).then(() => {
      over = true;
    });
    while (!over) {
      expect(a?.held.length).toBeLessThanOrEqual(64);
      a?.letGo();
      await Bun.sleep(1);
    }
    await all;
    expect(balancer.instances()[0]?.calls).toBe(0);
  });

  test("a call that waits for a connection keeps its deadline, and gives up its place", async () => {
    const { client, instances, balancer } = await setup(["a"], { target: { connectionsMax: 1 } });
    const first = who(client, "wait");
    await until(() => instances[0]?.held.length === 1);
    const late = await client.echo({}, { timeoutMs: 20 }).catch((error: unknown) => error);
    expect(ConnectError.from(late).code).toBe(Code.DeadlineExceeded);
    expect(balancer.instances()[0]?.calls).toBe(1);
    instances[0]?.letGo();
    await first;
  });
});

test("connectService: a repeat goes to another instance, with the token of the caller", async () => {
  const { coord, instances } = await setup(["a", "b"]);
  const idempotent = { ...EchoService.method.echo, idempotency: MethodOptions_IdempotencyLevel.IDEMPOTENT };
  const marked = { ...EchoService, methods: [idempotent], method: { ...EchoService.method, echo: idempotent } };
  const breakers = createBreakers({ isFailure: rpcFailure(errors) });
  const caller = { service: "im-other", token: "t0ken" };
  const there = opened.use(await connectService({ coord, name: "im-test", breakers, errors, caller }));
  for (const one of instances) one.seen.failures = 1;
  const answered = await there.client(marked as typeof EchoService).echo({});
  expect(instances.map(({ seen }) => seen.calls).toSorted()).toEqual([1, 2]);
  expect(instances.map(({ id }) => id)).toContain(answered.traceId);
  expect(instances.map(({ seen }) => seen.token)).toEqual(["t0ken", "t0ken"]);
});

test("a remainder of a deadline travels as whole milliseconds", async () => {
  const { client, instances } = await setup(["a"]);
  await client.echo({}, { timeoutMs: 1234.567 });
  expect(instances[0]?.seen.timeoutMs).toBeWithin(1000, 1235);
});
