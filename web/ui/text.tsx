import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { t } from "../strings.ts";

/** Addresses in running text; what commonly follows one and does not belong to it is left out. */
const address = /https?:\/\/[^\s<>"'`，。！？、；：）】》]+[^\s<>"'`，。！？、；：）】》.,!?;:)\]}]/g;

/** Text with its addresses as links. Nothing else is interpreted: the text is never markup. */
function linked(text: string): (string | JSX.Element)[] {
  const parts: (string | JSX.Element)[] = [];
  let at = 0;
  for (const match of text.matchAll(address)) {
    if (match.index > at) parts.push(text.slice(at, match.index));
    parts.push(
      <a href={match[0]} target="_blank" rel="noopener noreferrer nofollow">
        {match[0]}
      </a>,
    );
    at = match.index + match[0].length;
  }
  parts.push(text.slice(at));
  return parts;
}

/** Longer texts are folded. */
const foldChars = 900;
const foldLines = 15;
const onlyEmoji = /^(?:\p{RGI_Emoji}\s*){1,3}$/v;

function foldAt(text: string): number {
  let line = -1;
  for (let lines = 0; lines < foldLines; lines++) {
    line = text.indexOf("\n", line + 1);
    if (line === -1) return foldChars;
  }
  return Math.min(foldChars, line);
}

/** A message's text: links, folding of very long ones, its own writing direction. */
export function MessageText(props: { text: string }) {
  const { text } = props;
  const [open, setOpen] = useState(false);
  const fold = foldAt(text);
  const folds = text.length > fold * 1.1;
  const shown = folds && !open ? `${text.slice(0, fold).trimEnd()}…` : text;
  const emoji = text.length < 40 && onlyEmoji.test(text);
  return (
    <>
      <p class={emoji ? "text emoji" : "text"} dir="auto">
        {linked(shown)}
      </p>
      {folds && (
        <button type="button" class="fold" aria-expanded={open} onClick={() => setOpen(!open)}>
          {open ? t("showLess") : t("showAll")}
        </button>
      )}
    </>
  );
}
