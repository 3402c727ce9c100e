import { normalize } from "./text.ts";

const fragmentsMax = 3;
/** Characters shown on each side of what was found. */
const around = 40;

interface Range {
  readonly from: number;
  readonly to: number;
}

/** Up to three pieces of `content`, HTML-escaped, with every occurrence of a term (normalised, as of `termsOf`) within `<em>…</em>`; the beginning when there is none. */
export function highlight(content: string, terms: readonly string[]): string[] {
  const characters = [...content.toWellFormed()];
  const found = merge(rangesOf(characters, terms));
  // A driver may find what is written in another form; then the beginning is shown.
  if (found.length === 0) return [escapeHtml(characters, 0, 2 * around) + (characters.length > 2 * around ? "…" : "")];
  const pieces = merge(
    found.map(({ from, to }) => ({ from: Math.max(0, from - around), to: Math.min(characters.length, to + around) })),
  );
  return pieces.slice(0, fragmentsMax).map((piece) => {
    let text = piece.from > 0 ? "…" : "";
    let at = piece.from;
    for (const { from, to } of found) {
      if (from < piece.from || to > piece.to) continue;
      text += `${escapeHtml(characters, at, from)}<em>${escapeHtml(characters, from, to)}</em>`;
      at = to;
    }
    return text + escapeHtml(characters, at, piece.to) + (piece.to < characters.length ? "…" : "");
  });
}

/** Where the terms stand, in characters of the content. One character may become several by normalising. */
function rangesOf(characters: readonly string[], terms: readonly string[]): Range[] {
  let text = "";
  const origin: number[] = [];
  for (const [index, character] of characters.entries()) {
    const plain = normalize(character);
    text += plain;
    for (let unit = 0; unit < plain.length; unit += 1) origin.push(index);
  }
  const ranges: Range[] = [];
  for (const term of terms) {
    for (let at = text.indexOf(term); at >= 0; at = text.indexOf(term, at + term.length))
      ranges.push({ from: origin[at] ?? 0, to: (origin[at + term.length - 1] ?? 0) + 1 });
  }
  return ranges;
}

/** In order, those joined that meet. */
function merge(ranges: readonly Range[]): Range[] {
  const merged: Range[] = [];
  for (const range of ranges.toSorted((a, b) => a.from - b.from || a.to - b.to)) {
    const last = merged.at(-1);
    if (last === undefined || range.from > last.to) merged.push(range);
    else merged[merged.length - 1] = { from: last.from, to: Math.max(last.to, range.to) };
  }
  return merged;
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escapeHtml(characters: readonly string[], from: number, to: number): string {
  return characters
    .slice(from, to)
    .map((one) => entities[one] ?? one)
    .join("");
}
