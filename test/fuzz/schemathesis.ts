import { existsSync } from "node:fs";

/** Kept beside what Bun installs, so that it is fetched once per clone. */
const version = "4.32.5";
const folder = new URL(`../../node_modules/.cache/schemathesis-${version}`, import.meta.url).pathname;

/** Path of the pinned Schemathesis: SCHEMATHESIS, or a Python environment of our own; as root on Debian python3-venv is
 *  installed where it is missing. */
export async function findSchemathesis(): Promise<string> {
  const named = process.env.SCHEMATHESIS;
  if (named !== undefined && named !== "") return named;
  const program = `${folder}/bin/schemathesis`;
  if (existsSync(program)) return program;
  console.log(`Installing Schemathesis ${version} ...`);
  if (!(await run(["python3", "-m", "venv", folder])) && process.getuid?.() === 0 && Bun.which("apt-get") !== null) {
    await run(["apt-get", "-qq", "update"]);
    await run(["apt-get", "-qq", "install", "-y", "--no-install-recommends", "python3-venv"]);
    await run(["python3", "-m", "venv", "--clear", folder]);
  }
  await run([`${folder}/bin/pip`, "install", "--quiet", "--disable-pip-version-check", `schemathesis==${version}`]);
  if (existsSync(program)) return program;
  throw new Error(
    "The fuzz stage needs Python 3 with venv (Debian: apt-get install python3-venv), or set SCHEMATHESIS.",
  );
}

async function run(command: readonly string[]): Promise<boolean> {
  if (Bun.which(command[0] ?? "") === null && !existsSync(command[0] ?? "")) return false;
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const child = Bun.spawn([...command], { env, stdout: "ignore", stderr: "inherit" });
  return (await child.exited) === 0;
}
