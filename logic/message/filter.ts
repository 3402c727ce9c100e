import { countChars } from "#proto/limits.ts";

/** Hot: read at each message. */
export interface FilterSettings {
  readonly enabled: boolean;
  /** What becomes of a message with such a word: its letters become `*`, or it is refused. */
  readonly action: "replace" | "reject";
  /** Found anywhere, without regard to case. */
  readonly words: readonly string[];
}

/** What may be stored of a content: the same, or with words replaced; undefined = `CONTENT_REJECTED`. Runs after the
 *  send hash was taken, so that a repeat stays a repeat. */
export type ContentFilter = (content: string) => string | undefined;

/** The words are one expression, made anew when the settings hold another list. */
export function createContentFilter(settings: FilterSettings): ContentFilter {
  let words: readonly string[] | undefined;
  let pattern: RegExp | undefined;
  return (content) => {
    if (!settings.enabled) return content;
    if (words !== settings.words) {
      words = settings.words;
      pattern = patternOf(words);
    }
    if (pattern === undefined) return content;
    if (settings.action === "reject") return content.search(pattern) === -1 ? content : undefined;
    return content.replace(pattern, (word) => "*".repeat(countChars(word)));
  };
}

/** The longest word first: of two that begin alike the whole one is hidden. */
function patternOf(words: readonly string[]): RegExp | undefined {
  const longest = words.filter((word) => word !== "").toSorted((a, b) => b.length - a.length);
  if (longest.length === 0) return undefined;
  return new RegExp(longest.map((word) => word.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&")).join("|"), "giu");
}
