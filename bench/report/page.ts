import { type Chart, chartSvg, escapeHtml, type Series } from "./chart.ts";
import { type AnyResult, at, compare, factsOf, figure } from "./facts.ts";
import { style } from "./style.ts";
import { verdictOf } from "./verdict.ts";

/** One run of a page. */
export interface PageRun {
  readonly result: AnyResult;
  readonly baseline?: AnyResult | undefined;
}

/** A single file that works offline: per run the verdict, the pictures, the table, the command to repeat it. */
export function reportPage(title: string, runs: readonly PageRun[]): string {
  const body = runs.map(section).join("\n");
  const first = runs[0]?.result ?? {};
  const { cpu, cores, memoryGiB, system } = (first.machine ?? {}) as Record<string, unknown>;
  const parts = [cpu, cores && `${String(cores)} cores`, memoryGiB && `${String(memoryGiB)} GiB`, system];
  const machine = parts.filter(Boolean).map(String).join(", ");
  const versions = Object.entries((first.versions ?? {}) as Record<string, unknown>)
    .map(([name, version]) => `${name} ${String(version)}`)
    .join(", ");
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>${escapeHtml(title)}</title><style>${style}</style></head><body><main>
<header><h1>${escapeHtml(title)}</h1><p>${escapeHtml(`${versions} · ${machine}`)}</p></header>
${body}
</main></body></html>
`;
}

function section({ result, baseline }: PageRun): string {
  const verdict = verdictOf(result);
  const started = String(result.startedAt ?? "")
    .replace("T", " ")
    .slice(0, 16);
  const notes = [
    ...(result.clientSaturated === true
      ? ["The load client was saturated or late: the server can do more than this says."]
      : []),
    ...((result.violations ?? []) as string[]).slice(0, 5),
  ];
  return `<section>
<p class="kicker">${escapeHtml([result.scenario, result.target, started].filter(Boolean).join(" · "))}</p>
<h2${verdict.good ? "" : ' class="bad"'}>${escapeHtml(verdict.text)}</h2>
${notes.map((note) => `<p class="note">${escapeHtml(note)}</p>`).join("")}
<div class="charts">${chartsOf(result).map(figureOf).join("")}</div>
${table(result, baseline)}
<pre>${escapeHtml(String(result.command ?? ""))}</pre>
</section>`;
}

function figureOf(chart: Chart): string {
  const svg = chartSvg(chart);
  if (svg === "") return "";
  const names =
    chart.series.length < 2
      ? ""
      : chart.series.map(({ name }, index) => `<span><i class="s${index}"></i>${escapeHtml(name)}</span>`).join("");
  return `<figure><figcaption><h3>${escapeHtml(chart.title)}</h3><span class="legend">${names}</span></figcaption>${svg}</figure>`;
}

interface PointJson {
  readonly s: number;
  readonly perSecond: number;
  readonly cpuUsPerUnit: number | null;
  readonly rssMiB: number | null;
}

/** The pictures that a result has data for. */
export function chartsOf(result: AnyResult): Chart[] {
  const curves = Object.entries((result.curves ?? {}) as Record<string, Series["points"]>);
  const points = (result.points ?? []) as readonly PointJson[];
  const unit = String(result.unit ?? "");
  const over = (of: (point: PointJson) => number | null): Series["points"] =>
    points.flatMap((point) => {
      const value = of(point);
      return value === null ? [] : [[point.s, value] as const];
    });
  const charts: Chart[] = [
    {
      title: "Latency by percentile, ms",
      unit: "ms",
      series: curves.map(([name, points]) => ({ name, points })),
      x: "percentile",
      xLabel: "",
      y: "log",
    },
    time(`${unit.charAt(0).toUpperCase()}${unit.slice(1)} per second`, "/s", [
      { name: unit, points: over(({ perSecond }) => perSecond) },
    ]),
    time(
      `Server CPU per ${unit === "deliveries" ? "delivery" : "message"}, µs`,
      "µs",
      cpuSeries(
        result,
        over(({ cpuUsPerUnit }) => cpuUsPerUnit),
      ),
    ),
    time("Memory of the server, MiB", "MiB", [{ name: "resident", points: over(({ rssMiB }) => rssMiB) }]),
  ];
  const steps = [
    { name: "GoChat", points: (result.steps ?? []) as Series["points"] },
    { name: "bare Bun", points: (result.referenceSteps ?? []) as Series["points"] },
  ].filter(({ points }) => points.length > 0);
  charts.push({
    title: "Memory by sockets, MiB",
    unit: "MiB",
    series: steps,
    x: "linear",
    xLabel: "sockets",
    y: "linear",
  });
  return charts.filter(({ series }) => series.some(({ points }) => points.length > 1));
}

const time = (title: string, unit: string, series: readonly Series[]): Chart => ({
  title,
  unit,
  series,
  x: "linear",
  xLabel: "seconds",
  y: "linear",
});

/** GoChat over time beside the floor, a level line. */
function cpuSeries(result: AnyResult, points: Series["points"]): Series[] {
  const floor = at(result, "referenceCpuUsPerDelivery");
  const [from, to] = [points[0]?.[0], points.at(-1)?.[0]];
  const series: Series[] = [{ name: "GoChat", points }];
  if (typeof floor === "number" && from !== undefined && to !== undefined)
    series.push({
      name: "bare Bun",
      points: [
        [from, floor],
        [to, floor],
      ],
    });
  return series;
}

function table(result: AnyResult, baseline: AnyResult | undefined): string {
  const changes = new Map(baseline === undefined ? [] : compare(result, baseline).map((one) => [one.fact.path, one]));
  const rows = factsOf(result).map(({ path, label, value, unit }) => {
    const change = changes.get(path);
    const tone = change?.verdict === "worse" ? " bad" : change?.verdict === "better" ? " good" : "";
    const beside =
      baseline === undefined
        ? ""
        : `<td class="n">${change === undefined ? "" : figure(change.before)}</td><td class="n${tone}">${change === undefined ? "" : `${change.relative > 0 ? "+" : ""}${Math.round(change.relative * 100)} %`}</td>`;
    return `<tr><td>${escapeHtml(label)}</td><td class="n">${figure(value)}</td><td>${escapeHtml(unit)}</td>${beside}</tr>`;
  });
  const head = `<tr><th>figure</th><th class="n">value</th><th>unit</th>${baseline === undefined ? "" : '<th class="n">before</th><th class="n">change</th>'}</tr>`;
  return `<div class="scroll"><table>${head}${rows.join("")}</table></div>`;
}
