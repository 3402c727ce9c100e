import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Packages, type Program, runStep } from "./packages.ts";
import type { Place, Server } from "./server.ts";
import { databases, mysqlInitSql, mysqlOptions, sqlUrl, withSql } from "./sql.ts";

export function createMariadb(packages: Packages): Server {
  let program: Program | undefined;
  return {
    name: "mariadb",
    portCount: 1,
    readyMs: 60_000,
    async install(place) {
      program = await packages.program(["mariadbd"], "mariadb-server-core", place);
    },
    async start(place) {
      if (program === undefined) throw new Error("install comes first");
      const own = ownOptions(program);
      if (!existsSync(join(place.data, "mysql"))) await createDataFolder(program, own, place);
      const initFile = join(dirname(place.data), "mariadb-init.sql");
      await Bun.write(initFile, mysqlInitSql);
      const command = [
        program.path,
        "--no-defaults",
        ...own,
        ...mysqlOptions(place, place.data),
        `--init-file=${initFile}`,
      ];
      return { command, env: program.env };
    },
    check: (place) => withSql("mysql", place, databases[0], async (sql) => void (await sql`SELECT 1`)),
    variables: (port) => ({ GOCHAT_TEST_MARIADB: sqlUrl("mysql", port) }),
  };
}

/** Where an unpacked package's messages, character sets and plugins are; root must be told to stay root. */
function ownOptions({ root }: Program): string[] {
  const user = process.getuid?.() === 0 ? ["--user=root"] : [];
  if (root === "") return user;
  const share = `${root}/usr/share/mysql`;
  return [...user, `--basedir=${root}/usr`, `--lc-messages-dir=${share}`, `--character-sets-dir=${share}/charsets`];
}

/** What mariadb-install-db does, without its many assumptions about paths: the SQL of the system tables in bootstrap mode. */
async function createDataFolder(program: Program, own: readonly string[], place: Place): Promise<void> {
  place.say("creating the data folder");
  const making = `${place.data}.making`;
  rmSync(making, { recursive: true, force: true });
  mkdirSync(join(making, "mysql"), { recursive: true, mode: 0o700 });
  const share = `${program.root}/usr/share/mysql`;
  const parts = [
    "mysql_system_tables.sql",
    "mysql_performance_tables.sql",
    "mysql_system_tables_data.sql",
    "mysql_sys_schema.sql",
  ];
  const texts = await Promise.all(parts.map((part) => Bun.file(join(share, part)).text()));
  const input = `USE mysql;\nSET @auth_root_socket=NULL;\n${texts.join("\n")}`;
  const options = [
    `--datadir=${making}`,
    "--bootstrap",
    "--skip-networking",
    "--socket=server.sock",
    "--max-allowed-packet=8M",
  ];
  await runStep([program.path, "--no-defaults", ...own, ...options], place, { env: program.env, input });
  renameSync(making, place.data);
}
