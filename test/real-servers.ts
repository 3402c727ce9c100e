import { readFileSync } from "node:fs";
import { join } from "node:path";
import { infra } from "../cli/infra/main.ts";

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
  for (const [, name = "", value = ""] of addresses().matchAll(/^(\w+)=(.*)$/gm)) process.env[name] = value;
  if (code !== 0)
    console.error(`The real servers did not start (see above; logs: ${join(folder, "log")}). That is a failure.`);
  return code === 0;
}

/** Stops them and removes what they stored; their logs stay. */
export async function stopServers(): Promise<void> {
  await infra(["down"], env);
  await infra(["clean"], env);
}

function addresses(): string {
  try {
    return readFileSync(join(folder, "infra.env"), "utf8");
  } catch {
    return "";
  }
}
