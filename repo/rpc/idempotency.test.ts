import { afterEach, beforeEach, expect, test } from "bun:test";
import type { Client } from "@connectrpc/connect";
import { createMemoryCache, type MemoryCache } from "#infra/cache/memory.ts";
import { directClientOf } from "#infra/rpc/direct.ts";
import { rpcService } from "#infra/rpc/rpc.ts";
import { connectErrors } from "#proto/connect-errors.ts";
import { IdempotencyService } from "#proto/gen/gochat/repo/v1/idempotency_service_pb.ts";
import { codeOf } from "./changes-testing.ts";
import { idempotencyService } from "./idempotency.ts";

let nowMs = 0;
let cache: MemoryCache;
let idempotency: Client<typeof IdempotencyService>;
beforeEach(() => {
  nowMs = 1_800_000_000_000;
  cache = createMemoryCache({ clock: () => nowMs });
  const services = [rpcService(IdempotencyService, idempotencyService({ cache }))];
  idempotency = directClientOf(services, IdempotencyService, { errors: connectErrors });
});
afterEach(() => cache[Symbol.asyncDispose]());

const ask = (key: string, value: string, ttl = 60n) => idempotency.checkOrSet({ key, value, ttl });

test("of many at once one sets the value, and all others are told it, until its time is over", async () => {
  const answers = await Promise.all(Array.from({ length: 9 }, (_, at) => ask("import:1", `run ${at}`)));
  const set = answers.flatMap((answer, at) => (answer.set ? [`run ${at}`] : []));
  expect(set).toHaveLength(1);
  expect(new Set(answers.map(({ existingValue }) => existingValue))).toEqual(new Set(["", set[0] ?? "none"]));
  expect((await ask("import:2", "x")).set).toBe(true);
  nowMs += 60_001;
  expect((await ask("import:1", "again")).set).toBe(true);
});

test("INVALID_PARAMETER for what no key, value or time is; SERVICE_UNAVAILABLE without the cache", async () => {
  for (const key of ["", "a\nb", "ä", "x".repeat(201)]) expect(await codeOf(ask(key, "v"))).toBe("INVALID_PARAMETER");
  expect(await codeOf(ask("k", "x".repeat(4097)))).toBe("INVALID_PARAMETER");
  for (const ttl of [0n, -1n, 2_592_001n]) expect(await codeOf(ask("k", "v", ttl))).toBe("INVALID_PARAMETER");
  await cache[Symbol.asyncDispose]();
  expect(await codeOf(ask("k", "v"))).toBe("SERVICE_UNAVAILABLE");
});
