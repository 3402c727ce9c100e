import { mkdirSync } from "node:fs";
import type { Packages, Program } from "./packages.ts";
import { InfraError, type Server } from "./server.ts";

/** One etcd member; the port after the client's is its peer port. */
export function createEtcd(packages: Packages): Server {
  let program: Program | undefined;
  return {
    name: "etcd",
    portCount: 2,
    readyMs: 30_000,
    async install(place) {
      program = await packages.program(["etcd"], "etcd-server", place);
    },
    async start({ data, host, port }) {
      mkdirSync(data, { recursive: true, mode: 0o700 });
      if (program === undefined) throw new Error("install comes first");
      const [client, peer] = [`http://${host}:${port}`, `http://${host}:${port + 1}`];
      const command = [program.path, "--name", "gochat", "--data-dir", data];
      command.push("--listen-client-urls", client, "--advertise-client-urls", client);
      command.push(
        "--listen-peer-urls",
        peer,
        "--initial-advertise-peer-urls",
        peer,
        "--initial-cluster",
        `gochat=${peer}`,
      );
      return { command, env: program.env };
    },
    async check({ host, port }) {
      const response = await fetch(`http://${host}:${port}/health`, { signal: AbortSignal.timeout(2000) });
      const text = await response.text();
      if (!/"health":\s*"true"/.test(text)) throw new InfraError(`says ${text}`);
    },
    variables: (port) => ({ GOCHAT_TEST_ETCD: `127.0.0.1:${port}` }),
  };
}
