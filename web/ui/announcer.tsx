import { useEffect, useState } from "preact/hooks";
import { previewOf } from "../naming.ts";
import { arrivals } from "../state.ts";
import { t } from "../strings.ts";

/** At most one announcement in this time: a busy room must not talk without end. */
const everyMs = 3_000;
const textMax = 120;

/** Tells screen readers politely what arrived in the conversation on screen: the message, or how many there were. */
export function Announcer() {
  const [words, setWords] = useState("");
  const waiting = arrivals.value.length > 0;
  useEffect(() => {
    if (!waiting) return;
    const timer = setTimeout(() => {
      const [first, ...more] = arrivals.peek();
      arrivals.value = [];
      if (first === undefined) return;
      const one = { name: first.sender?.username ?? "", text: previewOf(first).slice(0, textMax) };
      setWords(more.length === 0 ? t("says", one) : t("newMessages", { count: more.length + 1 }));
    }, everyMs);
    return () => clearTimeout(timer);
  }, [waiting]);
  return (
    <div class="unseen" role="status" aria-live="polite" aria-atomic="true">
      {words}
    </div>
  );
}
