import { useEffect, useRef } from "preact/hooks";
import { t } from "../strings.ts";
import type { Attempt } from "./attempt.ts";
import { Problem } from "./problem.tsx";

/** Asks before something that is not taken back easily, and says what it does. The focus is on the way out. */
export function Confirm(props: {
  title: string;
  text: string;
  action: string;
  attempt: Attempt;
  onConfirm: () => void;
  onCancel: () => void;
}) {
  const { attempt } = props;
  const cancel = useRef<HTMLButtonElement>(null);
  useEffect(() => cancel.current?.focus(), []);
  return (
    <section class="confirm" role="alertdialog" aria-labelledby="confirm-title" aria-describedby="confirm-text">
      <h3 id="confirm-title">{props.title}</h3>
      <p id="confirm-text">{props.text}</p>
      <Problem text={attempt.problem} />
      <div class="button-row">
        <button ref={cancel} type="button" class="button" onClick={props.onCancel}>
          {t("cancel")}
        </button>
        <button type="button" class="button danger" disabled={attempt.busy} onClick={props.onConfirm}>
          {attempt.busy ? t("working") : props.action}
        </button>
      </div>
    </section>
  );
}
