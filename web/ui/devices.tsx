import { useEffect, useState } from "preact/hooks";
import type { LoginSessionJson as LoginSession } from "#proto/objects.ts";
import { relativeTime } from "../format.ts";
import { forgetRoute } from "../route.ts";
import { client, session } from "../state.ts";
import { t } from "../strings.ts";
import { useAttempt } from "./attempt.ts";
import { Confirm } from "./confirm.tsx";
import { closeDialog, showDialog } from "./dialogs.tsx";
import { DeviceIcon } from "./icons.tsx";
import { keepFocus } from "./keep-focus.ts";
import { Problem } from "./problem.tsx";
import { useNow } from "./use-now.ts";

export function showDevices(): void {
  showDialog(
    "devices",
    () => t("devices"),
    () => <Devices />,
  );
}

/** The sign-ins of the account. This device is the first. */
function Devices() {
  const [list, setList] = useState<readonly LoginSession[] | undefined>(undefined);
  const [confirming, setConfirming] = useState(false);
  const attempt = useAttempt();
  const load = async (): Promise<void> => {
    const sessions = await client.account.sessions();
    setList([...sessions].sort((a, b) => Number(b.current) - Number(a.current)));
  };
  useEffect(() => void attempt.run(load), []);

  const end = (id: string): void => {
    const before = list;
    setList(list?.filter((one) => one.sessionId !== id));
    void attempt
      .run(() => client.account.endSession(id))
      .then((ended) => {
        if (!ended) setList(before);
      });
  };
  const leave = async (): Promise<void> => {
    await client.account.logoutEverywhere();
    forgetRoute();
    closeDialog();
  };
  if (confirming) {
    return (
      <Confirm
        title={t("signOutAllTitle")}
        text={t(session.value?.user.isGuest === true ? "signOutAllGuestText" : "signOutAllText")}
        action={t("signOutAll")}
        attempt={attempt}
        onCancel={() => {
          attempt.clear();
          setConfirming(false);
        }}
        onConfirm={() => void attempt.run(leave)}
      />
    );
  }
  return (
    <>
      <p class="hint">{t("devicesHint")}</p>
      {list === undefined && attempt.problem === undefined && <p class="hint">{t("loading")}</p>}
      {list === undefined && attempt.problem !== undefined && (
        <div class="pane-note">
          <p role="alert">{t("devicesFailed")}</p>
          <button type="button" class="button" onClick={() => void attempt.run(load)}>
            {t("tryAgain")}
          </button>
        </div>
      )}
      {list !== undefined && (
        <>
          <ul class="hits devices">
            {list.map((one) => (
              <Device key={one.sessionId} device={one} onEnd={() => end(one.sessionId)} />
            ))}
          </ul>
          <Problem text={attempt.problem} />
          <button type="button" class="button danger" onClick={() => setConfirming(true)}>
            {t("signOutAll")}
          </button>
        </>
      )}
    </>
  );
}

const tickMs = 30_000;

function Device(props: { device: LoginSession; onEnd: () => void }) {
  const { device } = props;
  const now = useNow(tickMs);
  const name = device.clientInfo ?? device.platform ?? t("unknownDevice");
  const last = Math.max(device.lastSeen, device.createdAt);
  const active = device.online || device.current;
  return (
    <li class="hit still">
      <DeviceIcon />
      <span class="entry-text">
        <span class="entry-name" dir="auto">
          {name} {device.current && <span class="tag">{t("thisDevice")}</span>}
        </span>
        <span class="hit-about">
          <span class={active ? "presence on" : "presence"}>
            {active ? t("activeNow") : t("lastActive", { when: relativeTime(last, now) })}
          </span>
          {device.ip !== undefined && (
            <>
              {" · "}
              <bdi>{device.ip}</bdi>
            </>
          )}
        </span>
      </span>
      {!device.current && (
        <button
          type="button"
          class="small-button"
          aria-label={t("signOutDevice", { name })}
          onClick={({ currentTarget }) => {
            keepFocus(currentTarget, ".dialog .button.danger");
            props.onEnd();
          }}
        >
          {t("signOut")}
        </button>
      )}
    </li>
  );
}
