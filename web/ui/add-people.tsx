import { useState } from "preact/hooks";
import { MEMBERS_CHANGE_MAX } from "#proto/limits.ts";
import type { UserInfoJson } from "#proto/objects.ts";
import { client } from "../state.ts";
import { errorText, t } from "../strings.ts";
import { membersOf } from "../together.ts";
import { useAttempt } from "./attempt.ts";
import { closeDialog } from "./dialogs.tsx";
import { PeoplePicker } from "./people-picker.tsx";
import { Problem } from "./problem.tsx";

/** Finds people and adds them to a group. Who cannot be added is named, with the reason. */
export function AddPeople(props: { conversationId: string }) {
  const { conversationId } = props;
  const [chosen, setChosen] = useState<readonly UserInfoJson[]>([]);
  const [failed, setFailed] = useState<readonly string[]>([]);
  const attempt = useAttempt();
  const members = membersOf(conversationId);
  const add = async (): Promise<void> => {
    const answer = await client.groups.add(
      conversationId,
      chosen.map((one) => one.id),
    );
    const names = new Map(chosen.map((one) => [one.id, one.username]));
    setChosen([]);
    setFailed(answer.failed.map(({ userId, code }) => `${names.get(userId) ?? userId} (${errorText(code)})`));
    if (answer.failed.length === 0) closeDialog();
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (chosen.length > 0) void attempt.run(add);
      }}
    >
      <PeoplePicker
        chosen={chosen}
        most={MEMBERS_CHANGE_MAX}
        hint={t("addPeopleHint")}
        onChange={setChosen}
        without={(user) => (members.get(user.id) === undefined ? undefined : t("alreadyMember"))}
      />
      <Problem text={failed.length === 0 ? undefined : t("notAdded", { who: failed.join(", ") })} />
      <Problem text={attempt.problem} />
      <button type="submit" class="button primary" disabled={attempt.busy || chosen.length === 0}>
        {attempt.busy ? t("working") : chosen.length === 0 ? t("addPeople") : t("addChosen", { count: chosen.length })}
      </button>
    </form>
  );
}
