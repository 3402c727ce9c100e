import type { UserInfoJson } from "#proto/objects.ts";
import { t } from "../strings.ts";
import { InfoIcon } from "./icons.tsx";
import { showPerson } from "./person-card.tsx";

/** Opens what can be done about the other side of a single chat. */
export function PersonButton(props: { person: UserInfoJson }) {
  const label = t("personDetails", { name: props.person.username });
  return (
    <button
      type="button"
      class="icon-button details"
      aria-label={label}
      title={label}
      aria-haspopup="dialog"
      onClick={() => showPerson(props.person)}
    >
      <InfoIcon />
    </button>
  );
}
