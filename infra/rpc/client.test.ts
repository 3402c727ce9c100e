import { expect, test } from "bun:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { createRemoteClient } from "./client.ts";
import { EchoService } from "./conformance/echo_pb.ts";
import { connectErrorsOnly } from "./rpc.ts";

test.each(["connect", "grpc-web"] as const)("%s: a server that is not there is unavailable", async (protocol) => {
  const probe = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
  const baseUrl = `http://127.0.0.1:${probe.port}`;
  await probe.stop(true);
  const client = createRemoteClient(EchoService, { baseUrl, errors: connectErrorsOnly, protocol });
  const error = await client.echo({}).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(ConnectError.from(error).code).toBe(Code.Unavailable);
});
