import { useEffect, useRef, useState } from "preact/hooks";
import { forgetRoute } from "../route.ts";
import { setLanguage, setTheme, type Theme, theme } from "../settings.ts";
import { client, session } from "../state.ts";
import { type Language, language, type StringName, t } from "../strings.ts";
import { AccountItems } from "./account-items.tsx";
import { Avatar } from "./avatar.tsx";

function Choice<Value extends string>(props: {
  label: string;
  value: Value;
  options: readonly (readonly [Value, string])[];
  onChoose: (value: Value) => void;
}) {
  return (
    <fieldset class="choice">
      <legend>{props.label}</legend>
      {props.options.map(([value, text]) => (
        <label key={value} class={value === props.value ? "chosen" : ""}>
          <input
            type="radio"
            name={props.label}
            checked={value === props.value}
            onChange={() => props.onChoose(value)}
          />
          {text}
        </label>
      ))}
    </fieldset>
  );
}

const keys: readonly (readonly [StringName, string])[] = [
  ["kbdSwitch", "Ctrl K"],
  ["kbdNext", "Alt ↑ ↓"],
  ["kbdMessage", "Ctrl ↑"],
  ["kbdSend", "Enter"],
  ["kbdLine", "Shift Enter"],
  ["kbdClose", "Esc"],
];

/** Who is signed in; opens appearance, language, keys, sign out. */
export function AccountMenu() {
  const [open, setOpen] = useState(false);
  const frame = useRef<HTMLDivElement>(null);
  const user = session.value?.user;
  useEffect(() => {
    if (!open) return;
    const close = (event: Event): void => {
      if (event instanceof KeyboardEvent ? event.key === "Escape" : !frame.current?.contains(event.target as Node))
        setOpen(false);
    };
    document.addEventListener("pointerdown", close);
    document.addEventListener("keydown", close);
    return () => {
      document.removeEventListener("pointerdown", close);
      document.removeEventListener("keydown", close);
    };
  }, [open]);
  if (user === undefined) return null;
  const signOut = (): void => {
    forgetRoute();
    void client.auth.logout();
  };
  return (
    <div class="account" ref={frame}>
      {open && (
        <section class="menu" id="account-menu" aria-label={t("menu")}>
          <Choice<Theme>
            label={t("theme")}
            value={theme.value}
            options={[
              ["system", t("themeSystem")],
              ["light", t("themeLight")],
              ["dark", t("themeDark")],
            ]}
            onChoose={setTheme}
          />
          <Choice<Language>
            label={t("language")}
            value={language.value}
            options={[
              ["en", "English"],
              ["zh", "中文"],
            ]}
            onChoose={setLanguage}
          />
          <div class="keys">
            <h2>{t("shortcuts")}</h2>
            <dl>
              {keys.map(([name, combination]) => (
                <div key={name}>
                  <dt>{t(name)}</dt>
                  <dd>
                    <kbd>{combination}</kbd>
                  </dd>
                </div>
              ))}
            </dl>
          </div>
          <AccountItems isGuest={user.isGuest} onChoose={() => setOpen(false)} />
          <button type="button" class="menu-item danger" onClick={signOut}>
            {user.isGuest ? t("signOutGuest") : t("signOut")}
          </button>
        </section>
      )}
      <button
        type="button"
        class="account-button"
        aria-expanded={open}
        aria-controls="account-menu"
        aria-label={`${user.username}: ${t("menu")}`}
        onClick={() => setOpen(!open)}
      >
        <Avatar id={user.id} name={user.username} />
        <span class="entry-name" dir="auto">
          {user.username}
        </span>
        {user.isGuest && <span class="tag">{t("guestTag")}</span>}
        <span class="dots" aria-hidden="true">
          ⋯
        </span>
      </button>
    </div>
  );
}
