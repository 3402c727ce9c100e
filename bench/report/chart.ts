import { figure } from "./facts.ts";

export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [number, number])[];
}

export interface Chart {
  readonly title: string;
  readonly unit: string;
  readonly series: readonly Series[];
  /** `percentile`: x is a percentile, stretched towards 100; else seconds or a count. */
  readonly x: "linear" | "percentile";
  readonly xLabel: string;
  readonly y: "linear" | "log";
}

const box = { width: 560, height: 260, left: 58, right: 16, top: 14, bottom: 36 };

/** A line chart as one SVG element; colours and fonts come from the page. */
export function chartSvg(chart: Chart): string {
  const points = chart.series.flatMap((one) => one.points);
  if (points.length === 0) return "";
  const x = xScale(
    chart,
    points.map(([value]) => value),
  );
  const y = yScale(
    chart,
    points.map(([, value]) => value),
  );
  const grid = y.ticks.map(({ at, label }) => {
    const line = `<line class="grid" x1="${box.left}" x2="${box.width - box.right}" y1="${px(at)}" y2="${px(at)}"/>`;
    return `${line}<text class="tick" x="${box.left - 8}" y="${px(at + 4)}" text-anchor="end">${escapeHtml(label)}</text>`;
  });
  const foot = x.ticks.map(
    ({ at, label }) =>
      `<text class="tick" x="${px(at)}" y="${box.height - box.bottom + 18}" text-anchor="middle">${escapeHtml(label)}</text>`,
  );
  const lines = chart.series.map(({ name, points }, index) => {
    const path = points.map(([a, b], n) => `${n === 0 ? "M" : "L"}${px(x.of(a))} ${px(y.of(b))}`).join("");
    const dots =
      points.length > 16
        ? ""
        : points.map(([a, b]) => dot(index, x.of(a), y.of(b), `${name}: ${figure(b)} ${chart.unit}`)).join("");
    return `<path class="line s${index}" d="${path}"/>${dots}`;
  });
  const axis = `<text class="axis" x="${box.width - box.right}" y="${box.height - 2}" text-anchor="end">${escapeHtml(chart.xLabel)}</text>`;
  return `<svg viewBox="0 0 ${box.width} ${box.height}" role="img" aria-label="${escapeHtml(chart.title)}">${grid.join("")}${foot.join("")}${lines.join("")}${axis}</svg>`;
}

interface Scale {
  of(value: number): number;
  readonly ticks: readonly { readonly at: number; readonly label: string }[];
}

function xScale({ x }: Chart, values: readonly number[]): Scale {
  const width = box.width - box.left - box.right;
  if (x === "percentile") {
    // Nines in equal steps: 0, 90, 99, 99.9, 99.99.
    const nines = (value: number): number => Math.min(5, -Math.log10(1 - Math.min(value, 99.999) / 100));
    const last = Math.max(1, ...values.map(nines));
    const of = (value: number): number => box.left + (nines(value) / last) * width;
    const ticks = [0, 50, 90, 99, 99.9, 99.99].filter((value) => nines(value) <= last);
    return { of, ticks: ticks.map((value) => ({ at: of(value), label: value === 0 ? "0" : `p${value}` })) };
  }
  const [min, max] = [Math.min(...values), Math.max(...values)];
  const of = (value: number): number => box.left + ((value - min) / (max - min || 1)) * width;
  return { of, ticks: niceTicks(min, max, 6).map((value) => ({ at: of(value), label: figure(value) })) };
}

function yScale({ y }: Chart, values: readonly number[]): Scale {
  const height = box.height - box.top - box.bottom;
  if (y === "log") {
    const low = Math.floor(Math.log10(Math.max(0.001, Math.min(...values))));
    const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(0.001, ...values))));
    const of = (value: number): number =>
      box.top + height - ((Math.log10(Math.max(10 ** low, value)) - low) / (high - low)) * height;
    const ticks = Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index));
    return {
      of,
      ticks: ticks.map((value) => ({ at: of(value), label: Number(value.toPrecision(1)).toLocaleString("en") })),
    };
  }
  const ticks = niceTicks(0, Math.max(...values) * 1.08 || 1, 5);
  const top = Math.max(ticks.at(-1) ?? 1, ...values);
  const of = (value: number): number => box.top + height - (value / top) * height;
  return { of, ticks: ticks.map((value) => ({ at: of(value), label: figure(value) })) };
}

/** Round values from `min` to `max`, about `count` of them. */
export function niceTicks(min: number, max: number, count: number): number[] {
  if (max <= min) return [min];
  const rough = (max - min) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((n) => n * power).find((n) => n >= rough) ?? rough;
  const ticks: number[] = [];
  for (let n = Math.ceil(min / step); n * step <= max + step / 1e6; n += 1)
    ticks.push(Number((n * step).toPrecision(12)));
  return ticks;
}

const px = (value: number): string => value.toFixed(1);

function dot(series: number, x: number, y: number, title: string): string {
  return `<circle class="dot s${series}" cx="${px(x)}" cy="${px(y)}" r="3"><title>${escapeHtml(title)}</title></circle>`;
}

export function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
