import { createServer } from "node:net";
import { join } from "node:path";
import { startServer } from "../../bench/server-process.ts";

/** GoChat under test. */
export interface Target extends AsyncDisposable {
  /** The first gateway. */
  readonly first: string;
  /** The last gateway: another one than the first where there are several. */
  readonly last: string;
  /** What only its owner knows of it: not there where GOCHAT_E2E_URLS names gateways that run already. */
  readonly inside?: Inside;
}

export interface Inside {
  /** RPC of logic, of repo and of the first gateway, and the token that services show there. */
  readonly logicUrl: string;
  readonly repoUrl: string;
  readonly pusherUrl: string;
  readonly serviceToken: string;
  /** The admin address of every process. */
  readonly adminUrls: readonly string[];
  /** `kill -9` of the first gateway, which is then started again under the same address. */
  crash(): Promise<void>;
}

const given = (process.env.GOCHAT_E2E_URLS ?? "").split(",").filter((url) => url !== "");

/** `presence.offline_delay` of our own targets: time enough for a reconnect, and short for a test. */
export const offlineDelay = "2s";

/** For `test.skipIf`, and for its name: the target has no `inside`. */
export const notOurs = given.length > 0;
export const needsInside = notOurs ? " (skipped: needs a server of its own, not GOCHAT_E2E_URLS)" : "";

/** A process of its own on embedded backends; or, where GOCHAT_E2E_URLS names gateways (comma-separated), those: they run
 *  on real servers, without rate limits, and are left as they are. */
export async function startTarget(): Promise<Target> {
  const [first] = given;
  if (first !== undefined)
    return { first, last: given.at(-1) ?? first, [Symbol.asyncDispose]: () => Promise.resolve() };
  const [logic = 0, repo = 0, pusher = 0, admin = 0] = await freePorts(4);
  const settings = {
    "ratelimit.enabled": "false",
    "presence.offline_delay": offlineDelay,
    "all.logic_port": String(logic),
    "all.repo_port": String(repo),
    "all.gateway_port": String(pusher),
    "admin.port": String(admin),
  };
  let server = await startServer({ settings });
  const { url, data } = server;
  return {
    first: url,
    last: url,
    inside: {
      logicUrl: `http://127.0.0.1:${logic}`,
      repoUrl: `http://127.0.0.1:${repo}`,
      pusherUrl: `http://127.0.0.1:${pusher}`,
      serviceToken: (await Bun.file(join(data, "service-token")).text()).trim(),
      adminUrls: [`http://127.0.0.1:${admin}`],
      async crash() {
        await server.kill();
        server = await startServer({ settings, data, port: Number(new URL(url).port) });
      },
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** `inside` of a target that is known to be ours. */
export function insideOf({ inside }: Target): Inside {
  if (inside === undefined) throw new Error("this needs a server of the test's own");
  return inside;
}

/** Ports that were free a moment ago, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = servers.map(async (server) => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  });
  const found = await Promise.all(ports);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return found;
}
