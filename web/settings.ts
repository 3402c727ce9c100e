import { effect, signal } from "@preact/signals";
import { pageStorage } from "./state.ts";
import { type Language, language, languageOf, localeTag } from "./strings.ts";

export type Theme = "system" | "light" | "dark";
export const theme = signal<Theme>("system");

const storage = pageStorage("localStorage");
const themeKey = "gochat.theme";
const languageKey = "gochat.language";

export function setTheme(next: Theme): void {
  theme.value = next;
  save(themeKey, next === "system" ? undefined : next);
}
export function setLanguage(next: Language): void {
  language.value = next;
  save(languageKey, next);
}
function save(key: string, value: string | undefined): void {
  try {
    if (value === undefined) storage.removeItem(key);
    else storage.setItem(key, value);
  } catch {
    // A full store: the choice holds until the page is closed.
  }
}

/** Languages that are written from right to left; the page takes their direction also where it has no texts for them. */
const rightToLeft = /^(ar|fa|he|ur|yi|dv|ps|ku|sd|ug)\b/i;

/** Takes up the saved choices, else the browser's wishes, and keeps the document's attributes in step. Call once. */
export function startSettings(): void {
  const savedTheme = storage.getItem(themeKey);
  if (savedTheme === "light" || savedTheme === "dark") theme.value = savedTheme;
  const savedLanguage = storage.getItem(languageKey);
  language.value = savedLanguage === "en" || savedLanguage === "zh" ? savedLanguage : languageOf(navigator.languages);
  const root = document.documentElement;
  root.dir = rightToLeft.test(navigator.language) && savedLanguage === null ? "rtl" : "ltr";
  effect(() => {
    root.lang = localeTag();
    if (theme.value === "system") delete root.dataset.theme;
    else root.dataset.theme = theme.value;
  });
}
