import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Packages, runStep } from "./packages.ts";
import type { Place, Server } from "./server.ts";
import { databases, mysqlInitSql, mysqlOptions, sqlUrl, withSql } from "./sql.ts";

/** Debian stable has no MySQL; unstable has. Its server lives in a folder with just that Debian and is run by chroot. */
export function createMysql(packages: Packages): Server {
  const rootOf = ({ programs }: Place) => join(programs, "root");
  // Run folders may share the programs; each has data of its own, under the root that chroot shows.
  const dataOf = ({ data }: Place) => join("/data", Bun.hash(data).toString(36));
  return {
    name: "mysql",
    portCount: 1,
    readyMs: 60_000,
    missing: () =>
      process.platform === "linux" && process.getuid?.() === 0 ? undefined : "MySQL needs root here; MariaDB stands in",
    stored: (place) => [join(rootOf(place), dataOf(place))],
    async install(place) {
      const root = rootOf(place);
      if (existsSync(join(root, ".complete"))) return;
      const debootstrap = await packages.tool("debootstrap", "debootstrap", place);
      const targets = await runStep(["apt-get", "indextargets", "--format", "$(REPO_URI)"], place).catch(() => "");
      const mirror = debianMirror(targets);
      place.say("unpacking MySQL of Debian unstable (a minute or two the first time)");
      rmSync(root, { recursive: true, force: true });
      const options = ["--variant=minbase", "--include=mysql-server-core,mysql-client-core"];
      await runStep([debootstrap, ...options, "sid", root, ...(mirror === undefined ? [] : [mirror])], place);
      rmSync(join(root, "var/cache/apt"), { recursive: true, force: true });
      await Bun.write(join(root, ".complete"), "");
    },
    async start(place) {
      const [root, data] = [rootOf(place), dataOf(place)];
      // TMPDIR names a folder that chroot does not show.
      const folders = ["--secure-file-priv=NULL", "--tmpdir=/tmp"];
      const base = ["chroot", root, "/usr/sbin/mysqld", "--no-defaults", "--user=root", ...folders];
      if (!existsSync(join(root, data, "db/mysql.ibd"))) {
        place.say("creating the data folder");
        rmSync(join(root, data), { recursive: true, force: true });
        mkdirSync(join(root, data), { recursive: true, mode: 0o700 });
        await runStep([...base, `--datadir=${data}/new`, "--initialize-insecure"], place);
        await runStep(["mv", join(root, data, "new"), join(root, data, "db")], place);
      }
      await Bun.write(join(root, "init.sql"), mysqlInitSql);
      const own = ["--init-file=/init.sql", "--mysqlx=OFF", "--performance-schema=OFF"];
      return { command: [...base, ...mysqlOptions(place, `${data}/db`), ...own] };
    },
    check: (place) => withSql("mysql", place, databases[0], async (sql) => void (await sql`SELECT 1`)),
    variables: (port) => ({ GOCHAT_TEST_MYSQL: sqlUrl("mysql", port) }),
  };
}

/** The mirror that this machine's apt uses for Debian itself, from `apt-get indextargets`; undefined: debootstrap has its own. */
export function debianMirror(targets: string): string | undefined {
  return targets
    .split("\n")
    .find((uri) => /\/debian\/?$/.test(uri.trim()))
    ?.trim();
}
