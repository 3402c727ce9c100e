import { activeMessage } from "../acting.ts";

/** Keys of the list of messages: Enter goes to the actions of the newest message on screen, ↑ and ↓ to those of the message
 *  above and below, ← and → along them, Esc back to the composer. */
export function onMessageKey(event: KeyboardEvent & { readonly currentTarget: HTMLElement }): void {
  const target = event.target as HTMLElement;
  if (target === event.currentTarget) {
    if (event.key === "Enter" && activateNewest()) event.preventDefault();
    return;
  }
  const toolbar = target.closest<HTMLElement>(".actions");
  const message = target.closest<HTMLElement>(".message");
  if (toolbar === null || message === null) return;
  const flow = getComputedStyle(toolbar).direction === "rtl" ? -1 : 1;
  if (event.key === "ArrowUp") activate(neighbour(message, -1));
  else if (event.key === "ArrowDown") activate(neighbour(message, 1));
  else if (event.key === "ArrowRight") along(toolbar, target, flow);
  else if (event.key === "ArrowLeft") along(toolbar, target, -flow);
  else if (event.key === "Escape") leave();
  else return;
  event.preventDefault();
  event.stopPropagation();
}

/** Goes to the actions of the lowest message on screen; false when there is none. */
export function activateNewest(): boolean {
  const box = document.querySelector<HTMLElement>(".scroller");
  if (box === null) return false;
  const bottom = box.getBoundingClientRect().bottom;
  const stored = [...box.querySelectorAll<HTMLElement>(".message[data-seq]")];
  const last = stored.findLast((one) => one.getBoundingClientRect().top < bottom && !isRemoved(one));
  activate(last);
  return last !== undefined;
}

/** A removed message has no actions. */
const isRemoved = (message: HTMLElement): boolean => message.querySelector(".removed") !== null;

function neighbour(message: HTMLElement, by: 1 | -1): HTMLElement | undefined {
  let next: Element | null = message;
  do next = by === 1 ? next.nextElementSibling : next.previousElementSibling;
  while (
    next instanceof HTMLElement &&
    (next.dataset.seq === undefined || !next.matches(".message") || isRemoved(next))
  );
  return next instanceof HTMLElement ? next : undefined;
}

function activate(message: HTMLElement | undefined): void {
  if (message === undefined) return;
  activeMessage.value = message.dataset.key;
  message.scrollIntoView({ block: "nearest" });
  // The buttons are drawn with the next frame.
  requestAnimationFrame(() => message.querySelector<HTMLElement>(".actions button")?.focus({ preventScroll: true }));
}

function along(toolbar: HTMLElement, from: HTMLElement, by: number): void {
  const buttons = [...toolbar.querySelectorAll<HTMLElement>("button")];
  const at = buttons.indexOf(from.closest("button") ?? from);
  buttons[(at + by + buttons.length) % buttons.length]?.focus();
}

function leave(): void {
  activeMessage.value = undefined;
  document.querySelector<HTMLElement>(".composer textarea, .scroller")?.focus({ preventScroll: true });
}
