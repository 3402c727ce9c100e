import { useEffect, useState } from "preact/hooks";
import { allPending, client, connection, wasOpen } from "../state.ts";
import { t } from "../strings.ts";
import { useNow } from "./use-now.ts";

/** A state of the connection that is over within this time is not shown: it would only flicker. */
const patienceMs = 700;

function Waiting(props: { retryAtMs: number }) {
  const now = useNow(500);
  const seconds = Math.max(1, Math.ceil((props.retryAtMs - now) / 1_000));
  return <>{navigator.onLine ? t("offlineRetry", { seconds }) : t("offline")}</>;
}

/** The connection in words, when it is not good; nothing otherwise. */
export function ConnectionState() {
  const state = connection.value;
  const good = state.at === "open" || state.at === "off";
  const [patient, setPatient] = useState(true);
  useEffect(() => {
    setPatient(true);
    if (good) return;
    const timer = setTimeout(() => setPatient(false), patienceMs);
    return () => clearTimeout(timer);
  }, [good]);
  const waits = allPending.value.filter((one) => one.state === "sending").length;
  if (good || (patient && state.at !== "stopped")) return <div class="connection" role="status" />;
  return (
    <div class={`connection shown ${state.at}`} role="status">
      <span class="dot" aria-hidden="true" />
      <span class="words">
        {state.at === "connecting" && (wasOpen.value ? t("reconnecting") : t("connecting"))}
        {state.at === "waiting" && <Waiting retryAtMs={state.retryAtMs} />}
        {state.at === "stopped" && t(state.reason === "replaced" ? "replaced" : "outdated")}
        {waits > 0 && <span class="waits"> {t("queued", { count: waits })}.</span>}
      </span>
      {state.at === "waiting" && (
        <button type="button" class="link" onClick={() => client.wake()}>
          {t("tryNow")}
        </button>
      )}
      {state.at === "stopped" && (
        <button
          type="button"
          class="link"
          onClick={() =>
            state.reason === "replaced" || state.reason === "closed" ? client.connect() : location.reload()
          }
        >
          {state.reason === "replaced" ? t("useHere") : t("reload")}
        </button>
      )}
    </div>
  );
}
