import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { DotsIcon } from "./group-icons.tsx";

export interface MenuItem {
  readonly label: string;
  readonly danger?: boolean;
  readonly run: () => void;
}

/** Where a menu opens: beside its button, or where the pointer is. Viewport pixels. */
interface Place {
  readonly top: number;
  readonly bottom: number;
  readonly start: number;
  readonly end: number;
}

const marginPx = 8;

function placeOf(element: HTMLElement): Place {
  const { top, bottom, left, right } = element.getBoundingClientRect();
  return { top, bottom, start: left, end: right };
}

/** A button that opens a list of actions. ↓ opens it, ↑ and ↓ move, Esc closes it and gives the focus back. */
export function MenuButton(props: { label: string; items: () => readonly MenuItem[]; class?: string }) {
  const [place, setPlace] = useState<Place | undefined>(undefined);
  const button = useRef<HTMLButtonElement>(null);
  const open = (): void => {
    if (button.current !== null) setPlace(placeOf(button.current));
  };
  return (
    <>
      <button
        ref={button}
        type="button"
        class={props.class ?? "icon-button small"}
        aria-haspopup="menu"
        aria-expanded={place !== undefined}
        aria-label={props.label}
        title={props.label}
        onClick={open}
        onKeyDown={(event) => {
          if (event.key !== "ArrowDown") return;
          event.preventDefault();
          open();
        }}
      >
        <DotsIcon />
      </button>
      {place !== undefined && (
        <Menu
          label={props.label}
          items={props.items()}
          place={place}
          onClose={() => {
            setPlace(undefined);
            button.current?.focus({ preventScroll: true });
          }}
        />
      )}
    </>
  );
}

/** In the top layer, so that no scrolling box cuts it off. */
function Menu(props: { label: string; items: readonly MenuItem[]; place: Place; onClose: () => void }) {
  const { items, place, onClose } = props;
  const box = useRef<HTMLDivElement>(null);
  const buttons = (): HTMLButtonElement[] => [...(box.current?.querySelectorAll("button") ?? [])];
  useLayoutEffect(() => {
    const menu = box.current;
    if (menu === null) return;
    menu.showPopover();
    const { width, height } = menu.getBoundingClientRect();
    const rtl = getComputedStyle(menu).direction === "rtl";
    const left = rtl ? place.start : place.end - width;
    const below = place.bottom + height + marginPx <= innerHeight;
    menu.style.left = `${Math.max(marginPx, Math.min(left, innerWidth - width - marginPx))}px`;
    menu.style.top = `${below ? place.bottom + 4 : Math.max(marginPx, place.top - height - 4)}px`;
    buttons()[0]?.focus({ preventScroll: true });
    const away = (event: Event): void => {
      if (!menu.contains(event.target as Node)) onClose();
    };
    // What lies behind moves away under it.
    const leave = (): void => onClose();
    document.addEventListener("pointerdown", away);
    addEventListener("resize", leave);
    return () => {
      document.removeEventListener("pointerdown", away);
      removeEventListener("resize", leave);
    };
  }, []);
  const onKeyDown = (event: KeyboardEvent): void => {
    const all = buttons();
    const at = all.indexOf(document.activeElement as HTMLButtonElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (event.key === "Escape" || event.key === "Tab") onClose();
    else if (to !== undefined) all[(to + all.length) % all.length]?.focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div
      ref={box}
      popover="manual"
      class="popup"
      role="menu"
      tabIndex={-1}
      aria-label={props.label}
      onKeyDown={onKeyDown}
    >
      {items.map((item) => (
        <button
          key={item.label}
          type="button"
          role="menuitem"
          class={item.danger === true ? "popup-item danger" : "popup-item"}
          onClick={(event) => {
            event.stopPropagation();
            onClose();
            item.run();
          }}
        >
          {item.label}
        </button>
      ))}
    </div>
  );
}
