import { readFileSync } from "node:fs";
import { join } from "node:path";
import { infra } from "../cli/infra/main.ts";
import { freePort } from "../cli/infra/ports.ts";
import type { Port } from "../cli/infra/settings.ts";

const base = process.env.INFRA_DIR ?? join(import.meta.dir, "..", ".run");
/** Beside the servers of `make infra-up`, with ports, data and logs of their own; only the programs are shared. */
const folder = join(base, "test");
const env = { ...process.env, INFRA_DIR: folder, INFRA_PROGRAMS: process.env.INFRA_PROGRAMS ?? base };

/** Starts every server, empty, and names them to the tests by variables. False, and says so, when one did not start. */
export async function startServers(): Promise<boolean> {
  await stopServers();
  const code = await infra(["up"], env).catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    return 1;
  });
  process.env.GOCHAT_TEST_SERVERS = folder;
  process.env.INFRA_PROGRAMS = env.INFRA_PROGRAMS;
  for (const [, name = "", value = ""] of addresses(folder).matchAll(/^(\w+)=(.*)$/gm)) process.env[name] = value;
  if (code !== 0)
    console.error(`The real servers did not start (see above; logs: ${join(folder, "log")}). That is a failure.`);
  return code === 0;
}

/** A broker of the older version that is supported, beside the other; its own folder and ports from here on. */
const olderFolder = join(folder, "kafka-3.9");
const older = { ...env, INFRA_DIR: olderFolder, KAFKA_VERSION: "3.9" };
const olderPort: Port = { number: 19_192, fixed: false };

/** Starts it, empty, and names it to the tests as `GOCHAT_TEST_KAFKA_OLDER`. False, and says so, when it did not start. */
export async function startOlderKafka(): Promise<boolean> {
  await stopOlderKafka();
  const port = await freePort(olderPort, 2, new Set());
  const code = await infra(["up", "--only", "kafka"], { ...older, KAFKA_PORT: String(port ?? "") }).catch(
    (error: unknown) => {
      console.error(error instanceof Error ? error.message : error);
      return 1;
    },
  );
  process.env.GOCHAT_TEST_KAFKA_OLDER = /^GOCHAT_TEST_KAFKA=(.*)$/m.exec(addresses(olderFolder))?.[1] ?? "";
  return code === 0;
}

/** Stops it and removes what it stored. */
export async function stopOlderKafka(): Promise<void> {
  await infra(["down", "--only", "kafka"], older);
  await infra(["clean", "--only", "kafka"], older);
  delete process.env.GOCHAT_TEST_KAFKA_OLDER;
}

/** Stops them and removes what they stored; their logs stay. */
export async function stopServers(): Promise<void> {
  await infra(["down"], env);
  await infra(["clean"], env);
}

function addresses(dir: string): string {
  try {
    return readFileSync(join(dir, "infra.env"), "utf8");
  } catch {
    return "";
  }
}
