import { useState } from "preact/hooks";
import { USERNAME_CHARS_MAX, USERNAME_CHARS_MIN } from "#proto/limits.ts";
import { client } from "../state.ts";
import { t } from "../strings.ts";
import { useAttempt } from "./attempt.ts";
import { showDialog } from "./dialogs.tsx";
import { Done } from "./done.tsx";
import { Labelled, PasswordField } from "./password-field.tsx";
import { Problem } from "./problem.tsx";

export function showUpgrade(): void {
  showDialog(
    "upgrade",
    () => t("upgradeGuest"),
    () => <Upgrade />,
  );
}

/** A guest becomes an account. */
function Upgrade() {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [upgraded, setUpgraded] = useState<string | undefined>(undefined);
  const attempt = useAttempt();
  if (upgraded !== undefined) return <Done text={t("upgraded", { name: upgraded })} />;
  const upgrade = async (): Promise<void> => {
    const user = await client.account.upgrade(name.trim(), password);
    setUpgraded(user.username);
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void attempt.run(upgrade);
      }}
    >
      <p class="hint">{t("upgradeHint")}</p>
      <Labelled label={t("username")} hint={t("usernameHint")}>
        <input
          class="field"
          required
          autofocus
          minLength={USERNAME_CHARS_MIN}
          maxLength={USERNAME_CHARS_MAX}
          autocomplete="username"
          autocapitalize="none"
          spellcheck={false}
          value={name}
          onInput={(event) => setName(event.currentTarget.value)}
        />
      </Labelled>
      <PasswordField label={t("password")} hint={t("passwordHint")} isNew value={password} onInput={setPassword} />
      <Problem text={attempt.problem} />
      <button type="submit" class="button primary" disabled={attempt.busy}>
        {t(attempt.busy ? "working" : "createAccount")}
      </button>
    </form>
  );
}
