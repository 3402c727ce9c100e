import { useState } from "preact/hooks";
import { t } from "../strings.ts";
import { useAttempt } from "./attempt.ts";
import { closeDialog, showDialog } from "./dialogs.tsx";
import { Problem } from "./problem.tsx";

interface Question {
  readonly title: string;
  /** What happens, and what can be taken back. */
  readonly text: string;
  /** The button that does it. */
  readonly action: string;
  /** It is done only when this was written. */
  readonly written?: { readonly label: string; readonly text: string };
  readonly run: () => Promise<unknown>;
}

/** Asks before something that is not taken back easily. The focus is on the way out, or where one has to write. */
export function askFirst(question: Question): void {
  showDialog(
    "ask",
    () => question.title,
    () => <Asking question={question} />,
  );
}

function Asking(props: { question: Question }) {
  const { text, action, written, run } = props.question;
  const [words, setWords] = useState("");
  const attempt = useAttempt();
  const ready = written === undefined || words.trim() === written.text.trim();
  const go = (): void => {
    if (ready) void attempt.run(run).then((done) => done && closeDialog());
  };
  return (
    <form
      class="asking"
      onSubmit={(event) => {
        event.preventDefault();
        go();
      }}
    >
      <p dir="auto">{text}</p>
      {written !== undefined && (
        <input
          class="field"
          dir="auto"
          autofocus
          autocomplete="off"
          aria-label={written.label}
          placeholder={written.text}
          value={words}
          onInput={(event) => setWords(event.currentTarget.value)}
        />
      )}
      <Problem text={attempt.problem} />
      <div class="button-row">
        <button type="button" class="button" autofocus={written === undefined} onClick={closeDialog}>
          {t("cancel")}
        </button>
        <button type="submit" class="button danger" disabled={attempt.busy || !ready}>
          {attempt.busy ? t("working") : action}
        </button>
      </div>
    </form>
  );
}
