/**
 * `make compose-check`: compose.yaml against the reference implementation of the Compose specification, a Go module. It
 * checks names, types, references and variables; it starts nothing. Exit code 1 when the file is refused.
 */
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";

const version = "v2.9.1";
const root = join(import.meta.dir, "..");
const folder = join(root, ".run", "compose", version);
const program = join(folder, "cmd");

/** Built once from its module, into a folder of the project. */
async function install(): Promise<void> {
  if (existsSync(program)) return;
  const go = Bun.which("go");
  if (go === null) throw new Error("The reference implementation is a Go program, and there is no `go` on the PATH.");
  await mkdir(folder, { recursive: true });
  console.log(`Building compose-go ${version} …`);
  const child = Bun.spawn([go, "install", `github.com/compose-spec/compose-go/v2/cmd@${version}`], {
    env: { ...process.env, GOBIN: folder },
    stdout: "ignore",
    stderr: "pipe",
  });
  const complaint = await new Response(child.stderr).text();
  if ((await child.exited) !== 0) throw new Error(`compose-go cannot be built:\n${complaint}`);
}

async function check(file: string): Promise<boolean> {
  const child = Bun.spawn([program, file], { cwd: root, stdout: "ignore", stderr: "pipe" });
  const complaint = await new Response(child.stderr).text();
  const accepted = (await child.exited) === 0;
  console.log(accepted ? `${file} is valid.` : `${file} is refused: ${complaint.trim()}`);
  return accepted;
}

try {
  await install();
  process.exit((await check("compose.yaml")) ? 0 : 1);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(69);
}
