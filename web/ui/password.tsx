import { useState } from "preact/hooks";
import { client, session } from "../state.ts";
import { t } from "../strings.ts";
import { useAttempt } from "./attempt.ts";
import { showDialog } from "./dialogs.tsx";
import { Done } from "./done.tsx";
import { PasswordField } from "./password-field.tsx";
import { Problem } from "./problem.tsx";

export function showPassword(): void {
  showDialog(
    "password",
    () => t("changePassword"),
    () => <ChangePassword />,
  );
}

function ChangePassword() {
  const [before, setBefore] = useState("");
  const [next, setNext] = useState("");
  const [changed, setChanged] = useState(false);
  const attempt = useAttempt({ AUTH_INVALID_CREDENTIALS: t("wrongOldPassword") });
  if (changed) return <Done text={t("passwordChanged")} />;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void attempt.run(() => client.account.changePassword(before, next)).then(setChanged);
      }}
    >
      {/* For the browser's store of passwords: whose this is. */}
      <input type="hidden" autocomplete="username" value={session.value?.user.username} />
      <PasswordField label={t("oldPassword")} isNew={false} value={before} onInput={setBefore} />
      <PasswordField label={t("newPassword")} hint={t("passwordHint")} isNew value={next} onInput={setNext} />
      <p class="hint">{t("otherDevicesOut")}</p>
      <Problem text={attempt.problem} />
      <button type="submit" class="button primary" disabled={attempt.busy}>
        {t(attempt.busy ? "working" : "changePassword")}
      </button>
    </form>
  );
}
