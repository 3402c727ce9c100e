/**
 * The test command behind `make test`: runs the stages, shows a coverage table, and ends with one line
 * `N passed, N failed[, N skipped]` that counts what really ran (from the runner's JUnit reports).
 * Usage: bun test/run.ts all | fast | live | service <name>. Exit code 1 when a test failed or a stage broke.
 * `all` and `live` bring up real servers of their own for the `*.live.test.ts` and stop them; the others run no live test.
 */
import { mkdir, rm } from "node:fs/promises";
import { findChromium } from "./chromium.ts";
import { coverageHtml, coverageTable, parseLcov } from "./coverage.ts";
import { type Counts, countJunit } from "./junit.ts";
import { startOlderKafka, startServers, stopOlderKafka, stopServers } from "./real-servers.ts";

interface Stage {
  name: string;
  /** Path filters for `bun test`. */
  paths: readonly string[];
  /** Milliseconds for one test. */
  testTimeoutMs: number;
  coverage: boolean;
  /** Its tests are the `*.live.test.ts`, which need real servers; of other stages they are no part. */
  live: boolean;
  /** Its tests also run on a broker of the older version, which is there only meanwhile. */
  olderKafka?: boolean;
}

const root = new URL("..", import.meta.url).pathname;
const artifacts = `${root}test/.artifacts`;
const FOLDERS = ["gateway", "logic", "repo", "task", "proto", "drizzle", "infra", "client", "web", "cli", "bench"];

const UNIT: Stage = {
  name: "unit and conformance",
  paths: [
    ...FOLDERS.map((folder) => `./${folder}/`),
    "./test/tidy.test.ts",
    "./test/error-codes.test.ts",
    "./test/checker/",
    "./test/service/",
  ],
  testTimeoutMs: 30_000,
  coverage: true,
  live: false,
};
const WHOLE: readonly Stage[] = [
  { name: "end to end", paths: ["./test/e2e/"], testTimeoutMs: 120_000, coverage: false, live: false },
  { name: "fuzz", paths: ["./test/fuzz/"], testTimeoutMs: 600_000, coverage: false, live: false },
  { name: "chaos", paths: ["./test/chaos/"], testTimeoutMs: 600_000, coverage: false, live: false },
  { name: "browser", paths: ["./test/browser/"], testTimeoutMs: 180_000, coverage: false, live: false },
];
const LIVE: readonly Stage[] = [
  { ...UNIT, name: "real servers", testTimeoutMs: 120_000, coverage: false, live: true, olderKafka: true },
  { name: "distributed", paths: ["./test/distributed/"], testTimeoutMs: 180_000, coverage: false, live: true },
];

function stagesFor(args: readonly string[]): readonly Stage[] {
  const [mode, service] = args;
  if (mode === "fast") return [UNIT];
  if (mode === "live") return LIVE;
  if (mode === "service" && service !== undefined)
    return [{ ...UNIT, name: service, paths: [`./${service}/`, `./test/service/${service}`] }];
  return [UNIT, ...WHOLE, ...LIVE];
}

/** The stage's files, sorted: the order of a run is the same everywhere. */
async function filesOf({ paths, live }: Stage): Promise<string[]> {
  const files: string[] = [];
  for (const path of paths) {
    const inside = path.replace(/^\.\//, "");
    const pattern = path.endsWith(".test.ts") ? inside : `${inside.replace(/\/?$/, "/")}**/*.test.{ts,tsx}`;
    for await (const file of new Bun.Glob(pattern).scan({ cwd: root })) files.push(`./${file}`);
  }
  return files.filter((file) => file.includes(".live.test.") === live).sort();
}

async function runStage(stage: Stage, index: number): Promise<Counts> {
  const files = await filesOf(stage);
  if (files.length === 0) return { passed: 0, failed: 0, skipped: 0 };
  console.log(`\n== ${stage.name}`);
  const report = `${artifacts}/junit-${index}.xml`;
  const command = [process.execPath, "test", `--timeout=${stage.testTimeoutMs}`];
  command.push("--reporter=junit", `--reporter-outfile=${report}`);
  if (stage.coverage) command.push("--coverage", "--coverage-reporter=lcov", `--coverage-dir=${root}coverage`);
  const child = Bun.spawn([...command, ...files], {
    cwd: root,
    env: { ...process.env, NO_COLOR: "1", APP_ENV: "test" },
    stdout: "inherit",
    stderr: "inherit",
  });
  const code = await child.exited;
  const file = Bun.file(report);
  const counts = (await file.exists()) ? countJunit(await file.text()) : { passed: 0, failed: 0, skipped: 0 };
  // A stage that broke without naming a failed test (a crash, an error outside of tests) is a failure of its own.
  if (code !== 0 && counts.failed === 0) {
    console.error(`The stage "${stage.name}" ended with exit code ${code}.`);
    counts.failed = 1;
  }
  return counts;
}

async function main(): Promise<number> {
  const stages = stagesFor(process.argv.slice(2));
  await rm(artifacts, { recursive: true, force: true });
  await mkdir(artifacts, { recursive: true });
  if (stages.some((stage) => stage.name === "browser")) process.env.CHROMIUM = await findChromium();
  const total: Counts = { passed: 0, failed: 0, skipped: 0 };
  const run = async (stage: Stage, index: number): Promise<void> => {
    const beganMs = Date.now();
    const counts = await runStage(stage, index);
    total.passed += counts.passed;
    total.failed += counts.failed;
    total.skipped += counts.skipped;
    console.log(`-- ${stage.name}: ${Math.round((Date.now() - beganMs) / 1000)} s`);
  };
  for (const [index, stage] of stages.entries()) if (!stage.live) await run(stage, index);
  if (stages.some((stage) => stage.live)) {
    console.log("\n== starting real servers");
    // A server that does not start leaves its tests skipped: that alone must not pass.
    if (!(await startServers())) total.failed += 1;
    try {
      for (const [index, stage] of stages.entries()) {
        if (!stage.live) continue;
        if (stage.olderKafka === true && !(await startOlderKafka())) total.failed += 1;
        await run(stage, index).finally(() => (stage.olderKafka === true ? stopOlderKafka() : undefined));
      }
    } finally {
      await stopServers();
    }
  }
  const lcov = Bun.file(`${root}coverage/lcov.info`);
  if (stages.some((stage) => stage.coverage) && (await lcov.exists())) {
    const files = parseLcov(await lcov.text());
    await Bun.write(`${root}coverage.html`, coverageHtml(files));
    console.log(`\n${coverageTable(files)}\nCoverage by file: coverage.html, coverage/lcov.info\n`);
  }
  const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : "";
  console.log(`${total.passed} passed, ${total.failed} failed${skipped}`);
  return total.failed === 0 && total.passed > 0 ? 0 : 1;
}

process.exit(await main());
