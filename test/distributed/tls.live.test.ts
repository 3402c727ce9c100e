import { describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeTlsFiles } from "../../infra/rpc/tls-testing.ts";
import { createApi, newAccount } from "../support/api.ts";
import { startCluster } from "../support/cluster.ts";
import { needsServers, noServers, openServers } from "../support/servers.ts";

describe.skipIf(noServers)(`mutual TLS between the processes (spec 30 §1)${needsServers}`, () => {
  test("services find and call each other; who shows no certificate is not heard", async () => {
    await using stack = new AsyncDisposableStack();
    const dir = await mkdtemp(join(tmpdir(), "gochat-tls-"));
    stack.defer(() => rm(dir, { recursive: true, force: true }));
    const files = await makeTlsFiles(dir);
    const settings = {
      "rpc.tls.enabled": "true",
      "rpc.tls.ca": files.ca,
      "rpc.tls.cert": files.cert,
      "rpc.tls.key": files.key,
    };
    const cluster = stack.use(await startCluster(openServers().addresses, { gateways: 1, settings }));
    const api = createApi(cluster.urls[0] ?? "");
    const { accessToken } = await newAccount(api, "tls");
    const body = { messageType: 1, content: "over TLS", client_msg_id: "tls-1" };
    expect(await api.call("POST", "/conversations/world/messages", body, accessToken)).toMatchObject({ status: 201 });
    const path = "/gochat.repo.v1.UserService/GetUser";
    const { repoUrl, pusherUrl } = cluster.rpc;
    for (const url of [repoUrl, pusherUrl].flatMap((plain) => [plain, plain.replace("http:", "https:")])) {
      const init = { method: "POST", body: "{}", headers: { "content-type": "application/json" } };
      const heard = await fetch(url + path, { ...init, tls: { rejectUnauthorized: false } }).then(
        () => true,
        () => false,
      );
      expect([url, heard]).toEqual([url, false]);
    }
  }, 120_000);
});
