import { signal } from "@preact/signals";
import { currentId } from "./state.ts";

/** One pane at a time below this width. */
const wide = matchMedia("(min-width: 700px)");
export const isWide = (): boolean => wide.matches;

/** The details beside the conversation, or in its place on a phone. */
export const detailsShown = signal(false);

function hashOf(id: string, details: boolean): string {
  return `#/c/${encodeURIComponent(id)}${details ? "/details" : ""}`;
}
function idOfHash(): string | undefined {
  const match = /^#\/c\/([^/]+)(?:\/details)?$/.exec(location.hash);
  try {
    return match?.[1] === undefined ? undefined : decodeURIComponent(match[1]);
  } catch {
    return undefined;
  }
}

/** Shows a conversation. The list stays one step back in the browser's history, so that "back" works on a phone. */
export function showConversation(id: string): void {
  if (currentId.peek() === id) return;
  // Beside the messages they stay, and show the next conversation.
  const details = detailsShown.peek() && isWide();
  const url = hashOf(id, details);
  if (currentId.peek() === undefined) history.pushState({ overList: true }, "", url);
  else history.replaceState({ ...(history.state as object | null), overChat: false }, "", url);
  detailsShown.value = details;
  currentId.value = id;
}

/** Shows the details. On a phone the conversation stays one step back in the browser's history. */
export function showDetails(): void {
  const id = currentId.peek();
  if (id === undefined || detailsShown.peek()) return;
  const url = hashOf(id, true);
  if (isWide()) history.replaceState(history.state, "", url);
  else history.pushState({ ...(history.state as object | null), overChat: true }, "", url);
  detailsShown.value = true;
}

export function hideDetails(): void {
  const id = currentId.peek();
  if (!detailsShown.peek()) return;
  if ((history.state as { overChat?: boolean } | null)?.overChat === true) {
    history.back();
    return;
  }
  if (id !== undefined) history.replaceState(history.state, "", hashOf(id, false));
  detailsShown.value = false;
}

/** Back to the list. */
export function showList(): void {
  detailsShown.value = false;
  if ((history.state as { overList?: boolean } | null)?.overList === true) {
    history.back();
    return;
  }
  history.replaceState(null, "", "#/");
  currentId.value = undefined;
}

/** A wide page is never without a conversation: the world is the default. */
export function showDefault(): void {
  if (currentId.peek() !== undefined || !isWide()) return;
  history.replaceState(null, "", "#/c/world");
  currentId.value = "world";
}

export function forgetRoute(): void {
  history.replaceState(null, "", "#/");
  detailsShown.value = false;
  currentId.value = undefined;
}

/** Follows the address. Call once. */
export function startRoute(): void {
  const follow = (): void => {
    currentId.value = idOfHash();
    detailsShown.value = location.hash.endsWith("/details");
    showDefault();
  };
  addEventListener("popstate", follow);
  addEventListener("hashchange", follow);
  wide.addEventListener("change", showDefault);
  currentId.value = idOfHash();
  detailsShown.value = location.hash.endsWith("/details");
}
