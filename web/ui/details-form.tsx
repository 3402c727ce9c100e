import type { ComponentChildren } from "preact";
import { t } from "../strings.ts";
import { useAttempt } from "./attempt.ts";
import { Problem } from "./problem.tsx";

/** Fields that are changed in place. Esc gives up; what is refused stays in the fields. */
export function DetailsForm(props: {
  ready: boolean;
  save: () => Promise<unknown>;
  onDone: () => void;
  children: ComponentChildren;
}) {
  const { ready, save, onDone, children } = props;
  const attempt = useAttempt();
  return (
    <form
      class="details-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (ready) void attempt.run(save).then((done) => done && onDone());
      }}
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        event.preventDefault();
        onDone();
      }}
    >
      {children}
      <Problem text={attempt.problem} />
      <div class="button-row">
        <button type="button" class="button" onClick={onDone}>
          {t("cancel")}
        </button>
        <button type="submit" class="button primary" disabled={attempt.busy || !ready}>
          {attempt.busy ? t("working") : t("saveChanges")}
        </button>
      </div>
    </form>
  );
}
