import { useEffect } from "preact/hooks";
import { friendOf, presenceOf } from "../friends.ts";
import { presenceText } from "../presence-text.ts";
import { client, connection, pageVisible, session } from "../state.ts";
import { useNow } from "./use-now.ts";

/** Of somebody who is no friend nothing is pushed: asked for this often while it is on screen. */
const askEveryMs = 60_000;
const tickMs = 20_000;

/** Whether somebody is online, kept current while it is on the page. */
export function PresenceLine(props: { userId: string }) {
  const { userId } = props;
  const now = useNow(tickMs);
  const isFriend = friendOf(userId) !== undefined;
  const asks = connection.value.at === "open" && pageVisible.value && session.value?.user.isGuest === false;
  useEffect(() => {
    if (!asks) return;
    const ask = (): void => {
      client.presence.refresh([userId]).catch(() => undefined); // The next time; the last known stays on screen.
    };
    if (client.presence.of(userId) === undefined || !isFriend) ask();
    if (isFriend) return;
    const timer = setInterval(ask, askEveryMs);
    return () => clearInterval(timer);
  }, [userId, asks, isFriend]);
  const presence = presenceOf(userId);
  const text = presenceText(presence, isFriend, now);
  if (text === "") return null;
  return <p class={presence?.online === true ? "presence on" : "presence"}>{text}</p>;
}
