import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { isWide } from "../route.ts";
import { t } from "../strings.ts";
import { CloseIcon } from "./icons.tsx";
import { NewChat } from "./new-chat.tsx";
import { Switcher } from "./switcher.tsx";

/** A dialog that is shown: `key` tells one from the next. */
interface Shown {
  readonly key: string;
  readonly label: () => string;
  readonly content: () => ComponentChildren;
}

const shown = signal<Shown | undefined>(undefined);

/** Shows a dialog in the place of what is open. Its content closes it by `closeDialog`. */
export function showDialog(key: string, label: () => string, content: () => ComponentChildren): void {
  shown.value = { key, label, content };
}
export function openDialog(name: "switcher" | "new-chat"): void {
  if (name === "switcher")
    showDialog(
      name,
      () => t("search"),
      () => <Switcher onDone={chosen} />,
    );
  else
    showDialog(
      name,
      () => t("newChat"),
      () => <NewChat onDone={chosen} />,
    );
}
/** Closes what is open. The browser gives the focus back, and can only while the element is still on the page. */
export function closeDialog(): void {
  document.querySelector<HTMLDialogElement>("dialog.dialog")?.close();
  shown.value = undefined;
}
/** Closes after a choice: one goes on by writing. */
function chosen(): void {
  closeDialog();
  if (isWide()) document.querySelector<HTMLTextAreaElement>(".composer textarea")?.focus({ preventScroll: true });
}
/** Chromium gives the focus back without the caret, which stays behind in the field that is gone: nothing could be typed. */
function renewFocus(): void {
  const active = document.activeElement;
  if (!(active instanceof HTMLElement) || active === document.body) return;
  active.blur();
  active.focus({ preventScroll: true });
}
export const dialogIsOpen = (): boolean => shown.peek() !== undefined;

/** A modal dialog of the browser: it holds the focus, closes with Esc, and gives the focus back. */
function Dialog(props: { label: string; children: ComponentChildren }) {
  const element = useRef<HTMLDialogElement>(null);
  // Before the next key arrives: what is typed right after Ctrl+K belongs to the dialog.
  useLayoutEffect(() => {
    const dialog = element.current;
    dialog?.showModal();
    return () => queueMicrotask(renewFocus);
  }, []);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: a click beside the dialog closes it; its key is Esc, by the browser
    <dialog
      ref={element}
      class="dialog"
      aria-label={props.label}
      onClose={closeDialog}
      onClick={(event) => {
        if (event.target === element.current) closeDialog();
      }}
    >
      <div class="dialog-body">
        <header class="dialog-head">
          <h2>{props.label}</h2>
          <button type="button" class="icon-button" onClick={closeDialog} aria-label={t("close")}>
            <CloseIcon />
          </button>
        </header>
        {props.children}
      </div>
    </dialog>
  );
}

/** The dialog that is open, if any. */
export function Dialogs() {
  const dialog = shown.value;
  if (dialog === undefined) return null;
  return (
    <Dialog key={dialog.key} label={dialog.label()}>
      {dialog.content()}
    </Dialog>
  );
}
