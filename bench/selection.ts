import { resolve } from "node:path";
import { readFlags } from "./options.ts";
import { write } from "./output.ts";
import type { AnyResult } from "./report/facts.ts";
import { reportPage } from "./report/page.ts";
import { runScenario } from "./suite.ts";

/** Five minutes that show the whole: fan-out at a low and a high rate, a large room, sends, connects, memory. */
const selection: readonly (readonly [name: string, words: readonly string[]])[] = [
  ["1-world", ["world", "--conns", "1000", "--rate", "50", "--seconds", "12"]],
  ["2-world-500", ["world", "--conns", "1000", "--rate", "500", "--seconds", "12"]],
  ["3-world-5000", ["world", "--conns", "5000", "--window", "8", "--seconds", "12"]],
  ["4-send", ["send", "--closed", "500", "--seconds", "10"]],
  ["5-send-open", ["send", "--open", "2000", "--seconds", "10"]],
  ["6-group", ["group", "--open", "200", "--seconds", "10"]],
  ["7-storm", ["storm", "--conns", "5000", "--wave"]],
  ["8-idle", ["idle", "--conns", "10000", "--seconds", "8"]],
];

/** `gochat bench all`, which is `make bench`. Ends with the page to look at. */
export async function runSelection(args: readonly string[]): Promise<number> {
  const { out } = readFlags(args, { out: "bench-results" });
  const results: AnyResult[] = [];
  for (const [index, [name, words]] of selection.entries()) {
    console.log(`\n[${index + 1}/${selection.length}] ./gochat bench ${words.join(" ")}`);
    const result = await runScenario(words, out, name);
    if (result !== undefined) results.push(result);
  }
  const page = resolve(out, "report.html");
  await write(
    page,
    reportPage(
      "GoChat bench",
      results.map((result) => ({ result })),
    ),
  );
  const faults = results.reduce((all, r) => all + Number(r.lost) + Number(r.duplicated) + Number(r.reordered), 0);
  console.log(
    `\n${results.length} of ${selection.length} scenarios, ${faults} messages lost, doubled or out of order: file://${page}`,
  );
  return faults === 0 && results.length === selection.length ? 0 : 1;
}
