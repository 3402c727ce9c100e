import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { BenchUsageError } from "../options.ts";
import { readResult, write } from "../output.ts";
import { type AnyResult, at, factsOf, figure } from "./facts.ts";
import { reportPage } from "./page.ts";

export const beginMark = "<!-- bench report: begin -->";
export const endMark = "<!-- bench report: end -->";

/** `gochat bench report DIR [--into FILE]`: one page of all results of a folder, and their table in the documentation. */
export async function runReport(args: readonly string[]): Promise<number> {
  const { folder, into } = parse(args);
  const files = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith(".json")).toSorted();
  const results: { name: string; result: AnyResult }[] = [];
  for (const name of files) {
    const result = await readResult(join(folder, name));
    if (typeof result.scenario === "string") results.push({ name: basename(name, ".json"), result });
  }
  if (results.length === 0) throw new BenchUsageError(`There is no result of the bench in ${folder}.`);
  const page = join(folder, "report.html");
  await write(
    page,
    reportPage(
      "GoChat bench",
      results.map(({ result }) => ({ result })),
    ),
  );
  const text = await Bun.file(into)
    .text()
    .catch(() => "");
  await write(into, placed(text, resultTable(results.map(({ result }) => result))));
  console.log(`${results.length} results: ${page}, and the table in ${into}`);
  return 0;
}

function parse(args: readonly string[]): { folder: string; into: string } {
  try {
    const options = { into: { type: "string", default: "docs/performance.md" } } as const;
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
    const [folder] = positionals;
    if (folder !== undefined) return { folder, into: values.into };
  } catch (error) {
    throw new BenchUsageError(error instanceof Error ? error.message : String(error));
  }
  throw new BenchUsageError("gochat bench report DIR [--into FILE]");
}

/** Runs of one command share a row; where they differ, the row has the figure of each. */
export function resultTable(results: readonly AnyResult[]): string {
  const byCommand = new Map<string, AnyResult[]>();
  for (const result of results) {
    const command = plainCommand(String(result.command ?? result.scenario));
    byCommand.set(command, [...(byCommand.get(command) ?? []), result]);
  }
  const rows = [...byCommand].map(([command, runs]) => {
    const faults = ["lost", "duplicated", "reordered"].map((name) => runs.map((run) => at(run, name)).join("/"));
    const counted = runs[0]?.lost === undefined ? "–" : faults.join(", ");
    return `| \`${command}\` | ${headline(runs)} | ${counted} |`;
  });
  return ["| Command | Figures, run by run | lost, duplicated, reordered |", "|---|---|---|", ...rows].join("\n");
}

/** Without the words that only say where results go. */
function plainCommand(command: string): string {
  return command.replaceAll(/ --(json|out|html|baseline) [^- ]\S*/g, "").replace("./gochat bench ", "bench ");
}

const headlines: Readonly<Record<string, readonly string[]>> = {
  world: [
    "serverCpuUsPerDelivery",
    "referenceCpuUsPerDelivery",
    "ratioToReference",
    "peers.centrifugo.serverCpuUsPerDelivery",
    "peers.centrifugo.latencyMs.p99",
    "deliveriesPerSecond",
    "latencyMs.p99",
  ],
  send: ["storedPerSecond", "ackMs.p50", "ackMs.p99", "deliverMs.p50", "deliverMs.p99"],
  storm: ["connectsPerSecond", "connectMs.p95", "wave.perSecond"],
  soak: ["storedPerSecond", "ackMs.p99", "rssMiBStart", "rssMiBEnd", "rssGrowthPercent"],
  history: ["listMs.cold.p95", "listMs.warm.p95", "historyMs.cold.p95", "historyMs.warm.p95"],
  idle: ["rssBytesPerConnection", "referenceRssBytesPerConnection", "idleCpuPercent"],
};

function headline(runs: readonly AnyResult[]): string {
  const [first = {}] = runs;
  const paths = headlines[String(first.scenario)];
  const facts = factsOf(first);
  const shown = paths === undefined ? facts.slice(0, 4) : facts.filter(({ path }) => paths.includes(path));
  return shown
    .map(({ path, label, unit }) => {
      const values = runs.map((run) => at(run, path)).map((value) => (typeof value === "number" ? figure(value) : "–"));
      return `${label} ${values.join(" / ")}${unit === "" ? "" : ` ${unit}`}`;
    })
    .join("; ");
}

/** `text` with `table` between the marks; they are added at the end where they are not there yet. */
export function placed(text: string, table: string, [begin, end] = [beginMark, endMark]): string {
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  const block = `${begin}\n${table}\n${end}`;
  if (from < 0 || to < from) return `${text.trimEnd()}\n\n${block}\n`;
  return text.slice(0, from) + block + text.slice(to + end.length);
}
