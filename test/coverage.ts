/** Coverage of one source file, in lines and functions. */
export interface FileCoverage {
  file: string;
  linesFound: number;
  linesHit: number;
  functionsFound: number;
  functionsHit: number;
}

/** Reads an lcov file (records of SF, FNF, FNH, LF, LH, end_of_record). */
export function parseLcov(text: string): FileCoverage[] {
  const files: FileCoverage[] = [];
  let current: FileCoverage | undefined;
  for (const line of text.split("\n")) {
    const [tag = "", value = ""] = line.split(/:(.*)/s);
    if (tag === "SF") current = { file: value, linesFound: 0, linesHit: 0, functionsFound: 0, functionsHit: 0 };
    if (current === undefined) continue;
    if (tag === "LF") current.linesFound = Number(value);
    if (tag === "LH") current.linesHit = Number(value);
    if (tag === "FNF") current.functionsFound = Number(value);
    if (tag === "FNH") current.functionsHit = Number(value);
    if (line === "end_of_record") {
      files.push(current);
      current = undefined;
    }
  }
  return files.sort((a, b) => a.file.localeCompare(b.file));
}

const percent = (hit: number, found: number): string => (found === 0 ? "–" : `${((100 * hit) / found).toFixed(1)} %`);

interface Sums {
  name: string;
  lines: string;
  functions: string;
}

function sum(name: string, files: readonly FileCoverage[]): Sums {
  const total = (key: keyof Omit<FileCoverage, "file">): number => files.reduce((all, file) => all + file[key], 0);
  return {
    name,
    lines: percent(total("linesHit"), total("linesFound")),
    functions: percent(total("functionsHit"), total("functionsFound")),
  };
}

/** A table by top-level folder, with the sum of all. */
export function coverageTable(files: readonly FileCoverage[]): string {
  const folders = [...new Set(files.map((file) => file.file.split("/")[0] ?? ""))];
  const rows = folders.map((folder) =>
    sum(
      folder,
      files.filter((file) => file.file.startsWith(`${folder}/`)),
    ),
  );
  rows.push(sum("all", files));
  const row = (name: string, lines: string, functions: string): string =>
    `  ${name.padEnd(10)} ${lines.padStart(8)} ${functions.padStart(10)}`;
  return [row("coverage", "lines", "functions"), ...rows.map((r) => row(r.name, r.lines, r.functions))].join("\n");
}

/** One page that works offline: a row for each file. */
export function coverageHtml(files: readonly FileCoverage[]): string {
  const row = (r: Sums): string => `<tr><td>${r.name}</td><td>${r.lines}</td><td>${r.functions}</td></tr>`;
  const rows = files.map((file) => row(sum(file.file, [file]))).join("\n");
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>GoChat: coverage</title>
<style>body{font:14px/1.5 system-ui;margin:2rem auto;max-width:50rem;color-scheme:light dark}
td,th{padding:.1rem .8rem;text-align:right;font-variant-numeric:tabular-nums}td:first-child,th:first-child{text-align:left}</style>
<h1>Coverage</h1><table><tr><th>file</th><th>lines</th><th>functions</th></tr>
${row(sum("all", files))}
${rows}</table></html>
`;
}
