/**
 * `make conformance`: the Connect conformance suite against our server, once on the unary fast path and once on the library's handlers, and against our client
 * transport. Ends with `N passed, N failed`; exit code 1 when a case failed that is not in known-failing.txt, or passed that is.
 */
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";

const suiteVersion = "v1.0.7";
const here = import.meta.dir;
const folder = join(here, "..", "..", ".run", "conformance", suiteVersion);
const suite = join(folder, "connectconformance");
/** Calls at a time, and servers: the machine of a CI is small, and some cases measure time. */
const limits = ["--parallel", "4", "--max-servers", "2"];

const runs = [
  { name: "server, fast path", mode: "server", command: ["server.ts"] },
  { name: "server, library", mode: "server", command: ["server.ts", "--library"] },
  { name: "client transport", mode: "client", command: ["client.ts"] },
] as const;

/** Built once from its module, into a folder of the project. */
async function installSuite(): Promise<void> {
  if (existsSync(suite)) return;
  const go = Bun.which("go");
  if (go === null) throw new Error("The conformance suite is a Go program, and there is no `go` on the PATH.");
  await mkdir(folder, { recursive: true });
  console.log(`Building connectconformance ${suiteVersion} …`);
  const module = `connectrpc.com/conformance/cmd/connectconformance@${suiteVersion}`;
  const child = Bun.spawn([go, "install", module], {
    env: { ...process.env, GOBIN: folder },
    stdout: "inherit",
    stderr: "pipe",
  });
  const complaint = await new Response(child.stderr).text();
  if ((await child.exited) !== 0) throw new Error(`connectconformance cannot be built:\n${complaint}`);
}

async function runSuite({ mode, command: [program, ...flags] }: (typeof runs)[number]) {
  const args = [
    "--mode",
    mode,
    "--conf",
    join(here, `${mode}.yaml`),
    ...(mode === "server" ? limits : ["--max-servers", "2"]),
  ];
  const known = ["--known-failing", `@${join(here, "known-failing.txt")}`];
  const child = Bun.spawn([suite, ...args, ...known, "--", process.execPath, join(here, program), ...flags], {
    stdout: "pipe",
    stderr: "inherit",
  });
  const text = await new Response(child.stdout).text();
  const code = await child.exited;
  const counts = /(\d+) passed, (\d+) failed/.exec(text);
  const passed = Number(counts?.[1] ?? 0);
  const failed = Number(counts?.[2] ?? 0);
  if (code !== 0 || passed === 0) console.log(text);
  return { passed, failed: code !== 0 || passed === 0 ? Math.max(1, failed) : failed };
}

try {
  await installSuite();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(69);
}
const total = { passed: 0, failed: 0 };
for (const run of runs) {
  const { passed, failed } = await runSuite(run);
  console.log(`${run.name}: ${passed} passed, ${failed} failed`);
  total.passed += passed;
  total.failed += failed;
}
console.log(`\n${total.passed} passed, ${total.failed} failed`);
process.exit(total.failed === 0 ? 0 : 1);
