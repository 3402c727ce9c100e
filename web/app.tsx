import { useEffect } from "preact/hooks";
import { detailsShown, showConversation, showDefault } from "./route.ts";
import { conversationList, currentId, session, unreadTotal } from "./state.ts";
import { language, t } from "./strings.ts";
import { Chat } from "./ui/chat.tsx";
import { Details } from "./ui/details.tsx";
import { closeDialog, Dialogs, dialogIsOpen, openDialog } from "./ui/dialogs.tsx";
import { activateNewest } from "./ui/message-keys.ts";
import { Sidebar } from "./ui/sidebar.tsx";
import { SignIn } from "./ui/sign-in.tsx";

/** Moves to the conversation `by` places below the present one, round the ends. */
function step(by: 1 | -1): void {
  const list = conversationList.peek();
  const at = list.findIndex((one) => one.id === currentId.peek());
  const next = list[(at + by + list.length) % list.length];
  if (next !== undefined) showConversation(next.id);
}

function composer(): HTMLTextAreaElement | null {
  return document.querySelector<HTMLTextAreaElement>(".composer textarea");
}

function onKeyDown(event: KeyboardEvent): void {
  if (event.isComposing || event.defaultPrevented) return;
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    if (dialogIsOpen()) closeDialog();
    else openDialog("switcher");
    return;
  }
  if (dialogIsOpen()) return;
  if ((event.ctrlKey || event.metaKey) && event.key === "ArrowUp" && activateNewest()) event.preventDefault();
  else if (event.altKey && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
    event.preventDefault();
    step(event.key === "ArrowDown" ? 1 : -1);
  } else if (event.key === "Escape") {
    document.querySelector<HTMLButtonElement>(".jump")?.click();
    composer()?.focus({ preventScroll: true });
  } else if ((event.key === "PageUp" || event.key === "PageDown") && event.target === composer()) {
    const box = document.querySelector(".scroller");
    event.preventDefault();
    box?.scrollBy({ top: (event.key === "PageUp" ? -0.8 : 0.8) * box.clientHeight });
  } else if (
    event.key.length === 1 &&
    event.target === document.body &&
    !event.ctrlKey &&
    !event.metaKey &&
    !event.altKey
  ) {
    composer()?.focus({ preventScroll: true });
  }
}

/** The whole page. */
export function App() {
  const id = currentId.value;
  const signedIn = session.value !== undefined;
  const unread = unreadTotal.value;
  language.value;
  useEffect(() => {
    document.title = unread > 0 && signedIn ? `(${unread > 999 ? "999+" : unread}) ${t("appName")}` : t("appName");
  }, [unread, signedIn]);
  useEffect(() => {
    document.addEventListener("keydown", onKeyDown);
    return () => document.removeEventListener("keydown", onKeyDown);
  }, []);
  useEffect(() => {
    if (signedIn) showDefault();
  }, [signedIn]);
  if (!signedIn) return <SignIn />;
  const details = id !== undefined && detailsShown.value;
  return (
    <div class={`app ${id === undefined ? "on-list" : "on-chat"} ${details ? "with-details" : ""}`}>
      <Sidebar />
      {id === undefined ? <div class="chat none" /> : <Chat id={id} />}
      {details && <Details />}
      <Dialogs />
    </div>
  );
}
