import { currentId } from "./state.ts";

/** One pane at a time below this width. */
const wide = matchMedia("(min-width: 700px)");
export const isWide = (): boolean => wide.matches;

function idOfHash(): string | undefined {
  const match = /^#\/c\/([^/]+)$/.exec(location.hash);
  try {
    return match?.[1] === undefined ? undefined : decodeURIComponent(match[1]);
  } catch {
    return undefined;
  }
}

/** Shows a conversation. The list stays one step back in the browser's history, so that "back" works on a phone. */
export function showConversation(id: string): void {
  if (currentId.peek() === id) return;
  const url = `#/c/${encodeURIComponent(id)}`;
  if (currentId.peek() === undefined) history.pushState({ overList: true }, "", url);
  else history.replaceState(history.state, "", url);
  currentId.value = id;
}

/** Back to the list. */
export function showList(): void {
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
  currentId.value = undefined;
}

/** Follows the address. Call once. */
export function startRoute(): void {
  const follow = (): void => {
    currentId.value = idOfHash();
    showDefault();
  };
  addEventListener("popstate", follow);
  addEventListener("hashchange", follow);
  wide.addEventListener("change", showDefault);
  currentId.value = idOfHash();
}
