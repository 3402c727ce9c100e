import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Packages, type Program, runStep } from "./packages.ts";
import { account, type Place, type Server } from "./server.ts";
import { databases, sqlUrl, withSql } from "./sql.ts";

export function createPostgres(packages: Packages): Server {
  let program: Program | undefined;
  return {
    name: "postgres",
    portCount: 1,
    readyMs: 60_000,
    async install(place) {
      program = await packages.program(["postgres"], "postgresql", place);
    },
    async start(place) {
      if (program === undefined) throw new Error("install comes first");
      const notRoot = await withoutRoot(dirname(place.data), place);
      if (!existsSync(join(place.data, "PG_VERSION"))) await createDataFolder(program, notRoot, place);
      const settings = [
        `listen_addresses=${place.host}`,
        `port=${place.port}`,
        "unix_socket_directories=",
        "max_connections=300",
        "timezone=UTC",
      ].flatMap((setting) => ["-c", setting]);
      // SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for every client to leave.
      return {
        command: [...notRoot, program.path, "-D", place.data, ...settings],
        env: program.env,
        stopSignal: "SIGINT",
      };
    },
    check: (place) =>
      withSql("postgres", place, "postgres", async (sql) => {
        const there: { datname: string }[] = await sql`SELECT datname FROM pg_database`;
        const missing = databases.filter((name) => !there.some(({ datname }) => datname === name));
        for (const name of missing) await sql.unsafe(`CREATE DATABASE ${name}`);
      }),
    variables: (port) => ({ GOCHAT_TEST_POSTGRES: sqlUrl("postgres", port) }),
  };
}

/**
 * PostgreSQL refuses to run as root and as a user without a name. In a user namespace of its own it is somebody else and can still reach the project
 * folder, wherever that is; where namespaces are forbidden, the folder's owner changes to nobody instead.
 */
async function withoutRoot(dataDirs: string, place: Place): Promise<readonly string[]> {
  const isRoot = process.getuid?.() === 0;
  if (!isRoot && Bun.spawnSync(["id", "-un"]).success) return [];
  const namespace = ["unshare", "--user", "--map-user=65534", "--map-group=65534", "--"];
  if (Bun.which("unshare") !== null && Bun.spawnSync([...namespace, "true"]).success) return namespace;
  if (!isRoot) return [];
  const nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"];
  mkdirSync(place.data, { recursive: true });
  await runStep(["chown", "-R", "65534:65534", place.data], place);
  await runStep([...nobody, "test", "-x", dataDirs], place);
  return nobody;
}

async function createDataFolder(program: Program, notRoot: readonly string[], place: Place): Promise<void> {
  place.say("creating the data folder");
  const passwordFile = join(dirname(place.data), "postgres-password");
  await Bun.write(passwordFile, account.password);
  rmSync(place.data, { recursive: true, force: true });
  const options = [
    "-U",
    account.user,
    `--pwfile=${passwordFile}`,
    "--auth=scram-sha-256",
    "-E",
    "UTF8",
    "--locale=C.UTF-8",
  ];
  const initdb = join(dirname(program.path), "initdb");
  const making = notRoot[0] === "setpriv" ? place.data : `${place.data}.making`;
  rmSync(making, { recursive: true, force: true });
  if (notRoot[0] === "setpriv") {
    mkdirSync(making, { mode: 0o700 });
    await runStep(["chown", "65534:65534", making], place);
  }
  await runStep([...notRoot, initdb, "-D", making, ...options], place, { env: program.env });
  if (making !== place.data) renameSync(making, place.data);
}
