import { friendNews, friendProblem } from "../friends.ts";
import { errorText, t } from "../strings.ts";
import { Problem } from "./problem.tsx";

/** Why the last change of a friend was taken back. */
export function FriendProblem() {
  const code = friendProblem.value;
  return <Problem text={code === undefined ? undefined : errorText(code)} />;
}

/** Tells a screen reader politely who asks and who accepted. */
export function FriendNews() {
  const news = friendNews.value;
  return (
    <div class="unseen" role="status" aria-live="polite">
      {news !== undefined && t(news.type === "requested" ? "wantsToBeFriends" : "isFriendNow", { name: news.name })}
    </div>
  );
}
