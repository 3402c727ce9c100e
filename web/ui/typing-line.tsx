import { current } from "../state.ts";
import { t } from "../strings.ts";
import { nameOfUser, typingIn } from "../together.ts";

/** Who is typing, in words; the space is always there, so that nothing moves. Not spoken: it comes and goes too often. */
export function TypingLine(props: { conversationId: string }) {
  if (current.value?.type === 3) return null;
  const words = typingWords(typingIn(props.conversationId));
  return (
    <p class={words === "" ? "typing" : "typing shown"} dir="auto">
      {words !== "" && (
        <span class="typing-dots" aria-hidden="true">
          <i />
          <i />
          <i />
        </span>
      )}
      {words}
    </p>
  );
}

function typingWords(userIds: readonly string[]): string {
  const [first, second, ...more] = userIds;
  if (first === undefined) return "";
  if (second === undefined) return t("typingOne", { name: nameOfUser(first) });
  if (more.length > 0) return t("typingMany", { count: userIds.length });
  return t("typingTwo", { name: nameOfUser(first), other: nameOfUser(second) });
}
