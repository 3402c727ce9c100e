import { useState } from "preact/hooks";
import { codeOf } from "#client/errors.ts";
import { showConversation } from "../route.ts";
import { setLanguage } from "../settings.ts";
import { client, signedOutWhy } from "../state.ts";
import { errorText, language, t } from "../strings.ts";
import { Logo } from "./icons.tsx";

type Mode = "sign-in" | "register";

/** The first page: in as a guest with one press, or with an account. */
export function SignIn() {
  const [mode, setMode] = useState<Mode>("sign-in");
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const [busy, setBusy] = useState<"guest" | "account" | undefined>(undefined);
  const [problem, setProblem] = useState<string | undefined>(undefined);

  const enter = async (how: "guest" | "account", run: () => Promise<unknown>): Promise<void> => {
    if (busy !== undefined) return;
    setBusy(how);
    setProblem(undefined);
    try {
      await run();
      showConversation("world");
    } catch (error) {
      setProblem(errorText(codeOf(error)));
      setBusy(undefined);
    }
  };
  const onSubmit = (event: Event): void => {
    event.preventDefault();
    void enter("account", () =>
      mode === "register"
        ? client.auth.register(username.trim(), password)
        : client.auth.login(username.trim(), password),
    );
  };
  const why = signedOutWhy.value;
  const notice = why === undefined ? undefined : t(why === "disabled" ? "accountDisabled" : "signedOutElsewhere");
  return (
    <main class="welcome">
      <section class="welcome-card">
        <header>
          <Logo />
          <h1>{t("appName")}</h1>
          <p>{t("tagline")}</p>
        </header>
        {notice !== undefined && (
          <p class="notice" role="status">
            {notice}
          </p>
        )}
        <button
          type="button"
          class="button primary"
          disabled={busy !== undefined}
          onClick={() => void enter("guest", client.auth.guest)}
        >
          {busy === "guest" ? t("working") : t("continueAsGuest")}
        </button>
        <p class="hint">{t("guestHint")}</p>
        <div class="divider">
          <span>{t("or")}</span>
        </div>
        <div class="tabs" role="tablist">
          {(["sign-in", "register"] as const).map((one) => (
            <button
              key={one}
              type="button"
              role="tab"
              aria-selected={mode === one}
              aria-controls="account-form"
              onClick={() => {
                setMode(one);
                setProblem(undefined);
              }}
            >
              {t(one === "sign-in" ? "signIn" : "createAccount")}
            </button>
          ))}
        </div>
        <div id="account-form" role="tabpanel">
          <form onSubmit={onSubmit}>
            <label>
              <span>{t("username")}</span>
              <input
                name="username"
                required
                minLength={3}
                maxLength={20}
                autocomplete="username"
                autocapitalize="none"
                spellcheck={false}
                value={username}
                onInput={(event) => setUsername(event.currentTarget.value)}
              />
              {mode === "register" && <small>{t("usernameHint")}</small>}
            </label>
            <label>
              <span>{t("password")}</span>
              <input
                name="password"
                type="password"
                required
                minLength={6}
                maxLength={50}
                autocomplete={mode === "register" ? "new-password" : "current-password"}
                value={password}
                onInput={(event) => setPassword(event.currentTarget.value)}
              />
              {mode === "register" && <small>{t("passwordHint")}</small>}
            </label>
            {problem !== undefined && (
              <p class="problem" role="alert">
                {problem}
              </p>
            )}
            <button type="submit" class="button" disabled={busy !== undefined}>
              {busy === "account" ? t("working") : t(mode === "sign-in" ? "signIn" : "createAccount")}
            </button>
          </form>
        </div>
      </section>
      <footer class="welcome-foot">
        <button
          type="button"
          class="link quiet"
          lang="en"
          aria-pressed={language.value === "en"}
          onClick={() => setLanguage("en")}
        >
          English
        </button>
        <button
          type="button"
          class="link quiet"
          lang="zh"
          aria-pressed={language.value === "zh"}
          onClick={() => setLanguage("zh")}
        >
          中文
        </button>
      </footer>
    </main>
  );
}
