import { expect, test } from "bun:test";
import type { CallOptions } from "@connectrpc/connect";
import { createDirectClient } from "#infra/rpc/direct.ts";
import { connectErrors } from "#proto/connect-errors.ts";
import { UserService } from "#proto/gen/gochat/repo/v1/user_service_pb.ts";
import { optionsOf } from "./arguments.ts";

test("a call whose time is over leaves its own calls no more, instead of all the time there is", async () => {
  const later: (() => CallOptions)[] = [];
  const client = createDirectClient(
    UserService,
    {
      getUsers(_, call) {
        later.push(() => optionsOf(call));
        return new Promise(() => undefined);
      },
    },
    { errors: connectErrors },
  );
  const refusal = await client.getUsers({}, { timeoutMs: 5 }).catch((error: unknown) => error);
  expect(refusal).toMatchObject({ code: "TIMEOUT" });
  // To a client, 0 is no bound.
  expect(later[0]?.().timeoutMs).toBe(1);
});
