import { mkdirSync } from "node:fs";
import { createConnection } from "node:net";
import type { Packages, Program } from "./packages.ts";
import { InfraError, type Server } from "./server.ts";

/** Redis without persistence: it holds nothing that cannot be made again. */
export function createRedis(packages: Packages): Server {
  let program: Program | undefined;
  return {
    name: "redis",
    portCount: 1,
    readyMs: 20_000,
    async install(place) {
      program = await packages.program(["redis-server"], "redis-server", place);
    },
    async start({ data, host, port }) {
      mkdirSync(data, { recursive: true });
      if (program === undefined) throw new Error("install comes first");
      const settings = ["--bind", host, "--port", String(port), "--dir", data, "--save", "", "--appendonly", "no"];
      return { command: [program.path, ...settings, "--daemonize", "no"], env: program.env };
    },
    async check({ host, port }) {
      const answer = await askTcp(host, port, new TextEncoder().encode("PING\r\n"), 7);
      const text = new TextDecoder().decode(answer);
      if (text !== "+PONG\r\n") throw new InfraError(`answers ${JSON.stringify(text)} to PING`);
    },
    variables: (port) => ({ GOCHAT_TEST_REDIS: `127.0.0.1:${port}` }),
  };
}

/** Sends bytes and resolves with the first `wanted` bytes of the answer. Rejects after 2 s or when the connection fails. */
export function askTcp(host: string, port: number, question: Uint8Array, wanted: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    let answer = Buffer.alloc(0);
    const socket = createConnection({ host, port, timeout: 2000 }, () => socket.write(question));
    const fail = (reason: string) => {
      socket.destroy();
      reject(new InfraError(reason));
    };
    socket.on("data", (chunk: Buffer) => {
      answer = Buffer.concat([answer, chunk]);
      if (answer.length < wanted) return;
      socket.destroy();
      resolve(answer.subarray(0, wanted));
    });
    socket.once("timeout", () => fail("does not answer"));
    socket.once("error", (error) => fail(error.message));
    socket.once("close", () => fail("closed the connection"));
  });
}
