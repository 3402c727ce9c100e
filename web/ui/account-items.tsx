import { t } from "../strings.ts";
import { showDevices } from "./devices.tsx";
import { showPassword } from "./password.tsx";
import { showUpgrade } from "./upgrade.tsx";

/** What one can do with the own account, in its menu. */
export function AccountItems(props: { isGuest: boolean; onChoose: () => void }) {
  const item = (text: string, show: () => void) => (
    <button
      type="button"
      class="menu-item"
      aria-haspopup="dialog"
      onClick={() => {
        props.onChoose();
        show();
      }}
    >
      {text}
    </button>
  );
  return (
    <div class="menu-items">
      {props.isGuest ? item(t("upgradeGuest"), showUpgrade) : item(t("changePassword"), showPassword)}
      {item(t("devices"), showDevices)}
    </div>
  );
}
