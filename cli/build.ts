/** Makes single-file executables in bin/. Usage: bun cli/build.ts all | gateway | logic | repo | task */
import { mkdir } from "node:fs/promises";

const root = new URL("..", import.meta.url).pathname;
const entries: Readonly<Record<string, { entry: string; out: string }>> = {
  gochat: { entry: "cli/main.ts", out: "gochat" },
  gateway: { entry: "cli/gateway-main.ts", out: "im-gateway" },
  logic: { entry: "logic/main.ts", out: "im-logic" },
  repo: { entry: "repo/main.ts", out: "im-repo" },
  task: { entry: "task/main.ts", out: "im-task" },
};

const wanted = process.argv[2] ?? "all";
const names = wanted === "all" ? Object.keys(entries) : [wanted];
await mkdir(`${root}bin`, { recursive: true });
for (const name of names) {
  const entry = entries[name];
  if (entry === undefined) {
    console.error(`Nothing to build is called "${name}".`);
    process.exit(64);
  }
  const out = `bin/${entry.out}`;
  const command = [process.execPath, "build", "--compile", "--minify-syntax", "--sourcemap=none", entry.entry];
  const child = Bun.spawn([...command, "--outfile", out], { cwd: root, stdout: "ignore", stderr: "inherit" });
  if ((await child.exited) !== 0) process.exit(1);
  console.log(`${out}  ${(Bun.file(root + out).size / 2 ** 20).toFixed(0)} MiB`);
}
