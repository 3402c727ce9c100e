import { termsMax } from "./es.ts";

/** Characters that are found one by one, without blanks around them: Chinese, Japanese, Korean, pictures. */
const single = "\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Hangul}\\p{Extended_Pictographic}ー";
const searchable = /[\p{L}\p{N}\p{Extended_Pictographic}]/u;
/** Runs of such characters, or words of others. */
const runs = new RegExp(`([${single}]+)|(?:(?![${single}])[\\p{L}\\p{N}\\p{M}])+`, "gu");

/** One form for what is written in several: full and half width, composed and not, upper and lower case. */
export function normalize(text: string): string {
  return text.toWellFormed().replaceAll("\0", " ").normalize("NFKC").toLowerCase();
}

/** The words to look for, normalised, each once; those without a letter, digit or picture are left out. */
export function termsOf(keyword: string): string[] {
  const words = normalize(keyword).split(/\s+/u);
  return [...new Set(words.filter((word) => searchable.test(word)))].slice(0, termsMax);
}

/** What trigrams cannot find, from normalised text: single characters and pairs of CJK, and words of one or two characters. */
export function shortTokens(text: string): Set<string> {
  const tokens = new Set<string>();
  for (const [word, cjk] of text.matchAll(runs)) {
    const characters = [...word];
    if (cjk === undefined) {
      if (characters.length <= 2) tokens.add(word);
      continue;
    }
    for (const [at, character] of characters.entries()) {
      tokens.add(character);
      const next = characters[at + 1];
      if (next !== undefined) tokens.add(character + next);
    }
  }
  return tokens;
}

/** The tokens of which a message must have every one to hold a term of one or two characters. */
export function tokensOfShort(term: string): string[] {
  return [...term.matchAll(runs)].map(([word]) => word);
}
