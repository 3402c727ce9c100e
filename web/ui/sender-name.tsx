import type { UserInfoJson } from "#proto/objects.ts";
import { t } from "../strings.ts";
import { showPerson } from "./person-card.tsx";

/** Who wrote a message. A press shows the person; it is no stop of the tab key, which would stop at every message: people
 *  are found by name, too. */
export function SenderName(props: { person: UserInfoJson; mine: boolean }) {
  const { person, mine } = props;
  if (mine) {
    return (
      <span class="name" dir="auto">
        {person.username}
      </span>
    );
  }
  return (
    <button
      type="button"
      class="name"
      dir="auto"
      tabIndex={-1}
      title={t("personDetails", { name: person.username })}
      onClick={() => showPerson(person)}
    >
      {person.username}
    </button>
  );
}
