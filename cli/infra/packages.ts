import {
  appendFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  unlinkSync,
} from "node:fs";
import { dirname, isAbsolute, join, relative } from "node:path";
import { InfraError, type Place } from "./server.ts";

/** Gets programs: from this machine, from Debian packages unpacked into a folder of the project, by Maven. */
export interface Packages {
  /**
   * The path of a program: as installed here, or out of `debianPackage`, which is then unpacked under the project with
   * what it needs, so that nothing is installed on the machine and no service is started.
   */
  program(names: readonly string[], debianPackage: string, place: Place): Promise<Program>;
  /** A tool that needs a real installation (java, mvn, go, debootstrap): from PATH, else, for root, by apt-get install. */
  tool(name: string, debianPackage: string, place: Place): Promise<string>;
  /** The jars of artifacts ("group:artifact:version") and of all they need at run time, in `dir`. Returns the class path. */
  jars(artifacts: readonly string[], dir: string, place: Place): Promise<string>;
}

export interface Program {
  readonly path: string;
  /** The unpacked packages' root; "" for a program of this machine. */
  readonly root: string;
  readonly env: Readonly<Record<string, string>>;
}

const programDirs = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

export function createPackages(runDir: string): Packages {
  const root = join(runDir, "debian");
  // apt's lists and Maven's local repository are not made for two writers at once.
  const apt = createTurn();
  const maven = createTurn();

  return {
    async program(names, debianPackage, place) {
      const here = find(names, "");
      if (here !== undefined) return { path: here, root: "", env: {} };
      await apt(async () => {
        if (!existsSync(join(root, `.has-${debianPackage}`))) await unpack(debianPackage, runDir, root, place);
      });
      const path = find(names, root);
      if (path === undefined)
        throw new InfraError(`the Debian package ${debianPackage} brought no ${names.join(" or ")}`);
      return { path, root, env: { LD_LIBRARY_PATH: libraryPath(root) } };
    },
    async tool(name, debianPackage, place) {
      const here = find([name], "");
      if (here !== undefined) return here;
      if (process.getuid?.() !== 0 || find(["apt-get"], "") === undefined)
        throw new InfraError(
          `needs the program ${name} (Debian package ${debianPackage}); install it, then run this again`,
        );
      await apt(async () => {
        if (find([name], "") === undefined) await install(debianPackage, runDir, place);
      });
      const path = find([name], "");
      if (path === undefined) throw new InfraError(`apt-get installed ${debianPackage}, but there is no ${name}`);
      return path;
    },
    async jars(artifacts, dir, place) {
      const libs = join(dir, "libs");
      if (existsSync(join(libs, ".complete"))) return join(libs, "*");
      const mvn = await this.tool("mvn", "maven", place);
      mkdirSync(libs, { recursive: true });
      await Bun.write(join(dir, "pom.xml"), pomOf(artifacts));
      place.say(`fetching ${artifacts.join(", ")} by Maven`);
      const goal = ["-B", "-q", "dependency:copy-dependencies", `-DoutputDirectory=${libs}`, "-DincludeScope=runtime"];
      await maven(() => runStep([mvn, ...goal], place, { cwd: dir }));
      await Bun.write(join(libs, ".complete"), artifacts.join("\n"));
      return join(libs, "*");
    },
  };
}

/** A Maven project whose only purpose is to depend on `artifacts` ("group:artifact:version"). */
export function pomOf(artifacts: readonly string[]): string {
  const dependencies = artifacts.map((artifact) => {
    const [group = "", name = "", version = ""] = artifact.split(":");
    return `<dependency><groupId>${group}</groupId><artifactId>${name}</artifactId><version>${version}</version></dependency>`;
  });
  return `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>gochat</groupId><artifactId>infra</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>
${dependencies.join("\n")}
</dependencies></project>
`;
}

/** The packages that `apt-get install --simulate` would install, in its order. */
export function packagesToInstall(simulation: string): string[] {
  return [...simulation.matchAll(/^Inst (\S+)/gm)].map(([, name]) => name ?? "");
}

/** The longest step: MySQL's Debian over a slow line. */
const stepMaxMs = 1_800_000;

/** Runs a step of an installation, its output in the server's log. Rejects with the step's name when it fails. */
export async function runStep(
  command: readonly string[],
  place: Place,
  options: { cwd?: string; env?: Readonly<Record<string, string>>; input?: string } = {},
): Promise<string> {
  const child = Bun.spawn([...command], {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive", ...options.env },
    stdin: new Blob([options.input ?? ""]),
    stdout: "pipe",
    stderr: "pipe",
    timeout: stepMaxMs,
  });
  const [out, errors, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  mkdirSync(dirname(place.logFile), { recursive: true });
  appendFileSync(place.logFile, `$ ${command.join(" ").slice(0, 500)}\n${out}${errors}`);
  if (code !== 0) throw new InfraError(`"${command.slice(0, 3).join(" ")}" ended with code ${code}`);
  return out;
}

function find(names: readonly string[], root: string): string | undefined {
  const dirs =
    root === "" ? [...(process.env.PATH ?? "").split(":"), ...programDirs] : programDirs.map((dir) => root + dir);
  // Debian keeps PostgreSQL's programs in a folder per version.
  for (const name of names)
    for (const dir of [...postgresDirs(root), ...dirs])
      if (dir !== "" && existsSync(join(dir, name))) return join(dir, name);
  return undefined;
}

function postgresDirs(root: string): string[] {
  const parent = `${root}/usr/lib/postgresql`;
  return existsSync(parent) ? readdirSync(parent).map((version) => join(parent, version, "bin")) : [];
}

function libraryPath(root: string): string {
  const libs = `${root}/usr/lib`;
  const dirs = existsSync(libs) ? readdirSync(libs).filter((name) => name.endsWith("-linux-gnu")) : [];
  return [...dirs.map((dir) => join(libs, dir)), libs].join(":");
}

/** apt with lists and archives of our own: it needs no root, waits for nobody's lock and changes nothing on the machine. */
function aptOptions(runDir: string): string[] {
  const dir = join(runDir, "cache/apt");
  mkdirSync(join(dir, "lists/partial"), { recursive: true });
  mkdirSync(join(dir, "archives/partial"), { recursive: true });
  return [
    "-o",
    `Dir::State::Lists=${dir}/lists`,
    "-o",
    `Dir::Cache=${dir}`,
    "-o",
    "APT::Sandbox::User=root",
    "-o",
    "Debug::NoLocking=1",
  ];
}

async function unpack(debianPackage: string, runDir: string, root: string, place: Place): Promise<void> {
  if (find(["apt-get"], "") === undefined)
    throw new InfraError(
      `is not installed, and there is no apt-get to fetch the Debian package ${debianPackage}. Install it or start a container engine.`,
    );
  place.say(`fetching the Debian package ${debianPackage}`);
  const options = aptOptions(runDir);
  const fetch = async () => {
    const plan = await runStep(
      ["apt-get", ...options, "install", "--simulate", "--no-install-recommends", debianPackage],
      place,
    );
    const download = join(runDir, "cache/deb", debianPackage);
    mkdirSync(download, { recursive: true });
    await runStep(["apt-get", ...options, "download", ...packagesToInstall(plan)], place, { cwd: download });
    return readdirSync(download)
      .filter((file) => file.endsWith(".deb"))
      .map((file) => join(download, file));
  };
  // Lists that are missing or older than the mirror's packages: fetch them and try once more.
  const files = await fetch().catch(async () => {
    await runStep(["apt-get", ...options, "update"], place);
    return fetch();
  });
  for (const file of files) await runStep(["dpkg", "-x", file, root], place);
  relink(root, root);
  await Bun.write(join(root, `.has-${debianPackage}`), "");
}

/** Symbolic links with an absolute target ("/etc/…") point into the unpacked tree when the target is there. */
function relink(root: string, dir: string): void {
  for (const name of readdirSync(dir)) {
    const path = join(dir, name);
    const entry = lstatSync(path);
    if (entry.isDirectory()) relink(root, path);
    if (!entry.isSymbolicLink()) continue;
    const target = readlinkSync(path);
    if (!isAbsolute(target) || !existsSync(root + target)) continue;
    unlinkSync(path);
    symlinkSync(relative(dirname(path), root + target), path);
  }
}

async function install(debianPackage: string, runDir: string, place: Place): Promise<void> {
  place.say(`installing the Debian package ${debianPackage}`);
  const lists = aptOptions(runDir).slice(0, 4);
  const command = [
    "apt-get",
    ...lists,
    "install",
    "-y",
    "--no-install-recommends",
    "-o",
    "DPkg::Lock::Timeout=120",
    debianPackage,
  ];
  await runStep(command, place).catch(async () => {
    await runStep(["apt-get", ...aptOptions(runDir), "update"], place);
    await runStep(command, place);
  });
}

/** Runs one body at a time, in the order of the calls. */
function createTurn(): <T>(body: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (body) => {
    const mine = last.then(body, body);
    last = mine.catch(() => undefined);
    return mine;
  };
}
