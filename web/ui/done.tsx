import { useEffect, useRef } from "preact/hooks";
import { t } from "../strings.ts";
import { closeDialog } from "./dialogs.tsx";

/** The end of a dialog that worked: what happened, and the way out. */
export function Done(props: { text: string }) {
  const out = useRef<HTMLButtonElement>(null);
  useEffect(() => out.current?.focus(), []);
  return (
    <>
      <p role="status" dir="auto">
        {props.text}
      </p>
      <button ref={out} type="button" class="button primary" onClick={closeDialog}>
        {t("done")}
      </button>
    </>
  );
}
