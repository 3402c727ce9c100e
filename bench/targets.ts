import { existsSync } from "node:fs";
import { join } from "node:path";
import { BenchUsageError, readFlags, whole } from "./options.ts";
import { write } from "./output.ts";
import type { AnyResult } from "./report/facts.ts";
import { placed } from "./report/join.ts";
import { reportPage } from "./report/page.ts";
import { runScenario } from "./suite.ts";
import { meetsTarget, type TargetRow, targetRows } from "./target-rows.ts";

interface RowRuns {
  readonly row: TargetRow;
  readonly results: readonly AnyResult[];
}

/** `gochat bench targets`: every row of the table of targets, `--runs` times, the JSON of each run and a summary in `--out`. */
export async function runTargets(args: readonly string[]): Promise<number> {
  const flags = readFlags(args, {
    runs: "3",
    out: "docs/reports",
    row: undefined,
    settle: "3",
    into: "docs/performance.md",
  });
  const runs = whole("runs", flags.runs, 1, 20);
  const settleS = whole("settle", flags.settle, 0, 60);
  const rows =
    flags.row === undefined ? targetRows : targetRows.filter(({ name }) => flags.row?.split(",").includes(name));
  if (rows.length === 0)
    throw new BenchUsageError(
      `--row is one of ${targetRows.map(({ name }) => name).join(", ")}, or several with commas.`,
    );
  const up = existsSync(join(process.env.INFRA_DIR ?? ".run", "up", "cluster.json"));
  const done: RowRuns[] = [];
  const startMs = performance.now();
  for (const row of rows) {
    if (row.needsUp === true && !up) {
      console.log(`\n${row.name}: left out; it needs make infra-up and make up ARGS="--set ratelimit.enabled=false".`);
      continue;
    }
    const results: AnyResult[] = [];
    for (let run = 1; run <= runs; run += 1) {
      console.log(`\n${row.name}, run ${run} of ${runs}: ./gochat bench ${row.words.join(" ")}`);
      const result = await runScenario(row.words, flags.out, `${row.name}-${run}`);
      if (result !== undefined) results.push(result);
      await Bun.sleep(settleS * 1000);
    }
    done.push({ row, results });
  }
  const table = targetTable(done);
  const summary = join(
    flags.out,
    flags.row === undefined ? "targets.md" : `targets-${flags.row.replaceAll(",", "-")}.md`,
  );
  await write(
    summary,
    `# Targets\n\nWritten by \`./gochat bench targets --runs ${runs}\`; the JSON of each run lies beside this page.\n\n${table}\n`,
  );
  const page = join(flags.out, "targets.html");
  await write(
    page,
    reportPage(
      "GoChat: targets",
      done.flatMap(({ results }) => results.map((result) => ({ result }))),
    ),
  );
  // Some rows alone are no summary of all.
  if (flags.row === undefined) await intoPage(flags.into, table);
  const minutes = ((performance.now() - startMs) / 60_000).toFixed(1);
  console.log(`\n${table}\n\n${minutes} minutes. Written to ${summary} and ${page}`);
  return done.every(({ row, results }) => results.length > 0 && verdict(row, results) === "met") ? 0 : 1;
}

const marks: [begin: string, end: string] = ["<!-- bench targets: begin -->", "<!-- bench targets: end -->"];

async function intoPage(file: string, table: string): Promise<void> {
  const text = await Bun.file(file)
    .text()
    .catch(() => "");
  await write(file, placed(text, table, marks));
}

/** Met when most of the runs meet it: one run in three may meet other work of the machine. */
export function verdict(row: TargetRow, results: readonly AnyResult[]): "met" | "not met" | "no result" {
  if (results.length === 0) return "no result";
  const good = results.filter((result) => meetsTarget(row, result)).length;
  return good * 2 > results.length ? "met" : "not met";
}

export function targetTable(rows: readonly RowRuns[]): string {
  const lines = rows.map(({ row, results }) => {
    const figures = results.map((result) => row.figures(result).trim()).join("<br>");
    const faults = results.reduce((all, r) => all + Number(r.lost) + Number(r.duplicated) + Number(r.reordered), 0);
    return `| ${row.what} | ${row.target} | ${figures} | ${verdict(row, results)} | ${faults} | \`bench ${row.words.join(" ")}\` |`;
  });
  return [
    "| What | Target | Run by run | Verdict | lost, duplicated, reordered | Command |",
    "|---|---|---|---|---|---|",
    ...lines,
  ].join("\n");
}
