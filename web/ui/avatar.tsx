import { GlobeIcon } from "./icons.tsx";

/** A hue that stays with an id. */
export function hueOf(id: string): number {
  let hash = 2_166_136_261;
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 16_777_619);
  // Neighbouring ids differ in one digit: mixed well, or they would get two hues in turn.
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) % 360;
}

/** One or two characters that stand for a name; guests take theirs from the number behind `guest_`. */
export function initials(name: string): string {
  const own = /^guest_(..)/.exec(name)?.[1];
  if (own !== undefined) return own.toUpperCase();
  const [first] = new Intl.Segmenter().segment(name.trim());
  return first?.segment.toUpperCase() ?? "?";
}

/** Decoration beside a name: screen readers skip it, so words must say too who is `online`. */
export function Avatar(props: {
  id: string;
  name: string;
  world?: boolean;
  size?: "small" | "large";
  online?: boolean;
}) {
  const { id, name, world = false, size, online = false } = props;
  return (
    <span
      class={`avatar ${size ?? ""} ${world ? "world" : ""}`}
      style={{ "--hue": String(hueOf(id)) }}
      aria-hidden="true"
    >
      {world ? <GlobeIcon /> : initials(name)}
      {online && <span class="online-dot" />}
    </span>
  );
}
