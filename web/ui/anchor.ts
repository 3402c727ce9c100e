/** Where the reader was: rows that were visible and how far below the top of the list they stood. */
export type Anchors = readonly { readonly key: string; readonly top: number }[];

/** A few of them, since the first may be let go or fold into something else. */
const anchorsMax = 6;

function childAt(list: HTMLElement, index: number): HTMLElement | undefined {
  const child = list.children[index];
  return child instanceof HTMLElement ? child : undefined;
}

/** Index of the first child whose lower edge is below `y` (in the scroller's content coordinates). */
export function firstChildBelow(list: HTMLElement, y: number): number {
  let low = 0;
  let high = list.children.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const child = childAt(list, middle);
    if (child !== undefined && child.offsetTop + child.offsetHeight <= y) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Remembers what stands at the top of the visible part. */
export function takeAnchors(scroller: HTMLElement, list: HTMLElement): Anchors {
  const anchors: { key: string; top: number }[] = [];
  for (let index = firstChildBelow(list, scroller.scrollTop); anchors.length < anchorsMax; index++) {
    const child = childAt(list, index);
    if (child === undefined) break;
    const key = child.dataset.key;
    // Lines between messages come and go; messages stay.
    if (key !== undefined && child.dataset.seq !== undefined)
      anchors.push({ key, top: child.offsetTop - scroller.scrollTop });
  }
  return anchors;
}

/** Scrolls so that the first anchor that is still there stands where it stood. False when none is. */
export function restoreAnchors(scroller: HTMLElement, list: HTMLElement, anchors: Anchors): boolean {
  for (const anchor of anchors) {
    for (let index = 0; index < list.children.length; index++) {
      const child = childAt(list, index);
      if (child?.dataset.key !== anchor.key) continue;
      const top = child.offsetTop - anchor.top;
      if (Math.abs(scroller.scrollTop - top) >= 1) scroller.scrollTop = top;
      return true;
    }
  }
  return false;
}

/** The seq of the lowest message that is wholly visible. */
export function lowestVisibleSeq(scroller: HTMLElement, list: HTMLElement): number | undefined {
  const bottom = scroller.scrollTop + scroller.clientHeight;
  for (let index = firstChildBelow(list, bottom); index >= 0; index--) {
    const child = childAt(list, index);
    const seq = Number(child?.dataset.seq);
    if (child !== undefined && Number.isFinite(seq) && child.offsetTop + child.offsetHeight <= bottom + 8) return seq;
  }
  return undefined;
}
