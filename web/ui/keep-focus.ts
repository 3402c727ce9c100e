/** A button that takes its own row off the page takes the focus with it. Called before the row goes, this gives the focus
 *  to the row's neighbour, else to the first element that fits `otherwise`, as soon as it is lost. */
export function keepFocus(button: HTMLElement, otherwise: string): void {
  const row = button.closest("li");
  const neighbour = row?.nextElementSibling ?? row?.previousElementSibling;
  let framesLeft = 10;
  const look = (): void => {
    framesLeft -= 1;
    if (button.isConnected && framesLeft > 0) {
      requestAnimationFrame(look);
      return;
    }
    if (button.isConnected || (document.activeElement ?? document.body) !== document.body) return;
    const next = neighbour?.isConnected === true ? neighbour.querySelector<HTMLElement>("button") : null;
    (next ?? document.querySelector<HTMLElement>(otherwise))?.focus();
  };
  requestAnimationFrame(look);
}
