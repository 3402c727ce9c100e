import { clockOrDay } from "../format-group.ts";
import { t } from "../strings.ts";
import type { Silence } from "../together.ts";

/** In the place of the composer: why nothing can be written here. */
export function SilenceNotice(props: { silence: Silence }) {
  const { silence } = props;
  return (
    <p class="silence" role="status">
      {wordsOf(silence)}
    </p>
  );
}

function wordsOf(silence: Silence): string {
  if (silence.why === "dissolved") return t("dissolvedNotice");
  if (silence.why !== "muted") return t("mutedAllNotice");
  return silence.until === 0 ? t("mutedNotice") : t("mutedNoticeUntil", { time: clockOrDay(silence.until) });
}
