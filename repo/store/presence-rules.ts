/** How a new session makes room: `multi` replaces the same device, `per-platform` the same platform, `single` all. */
export type Eviction = "multi" | "per-platform" | "single";

/** What the rules look at. */
export interface Placed {
  readonly id: string;
  readonly platform: string;
  readonly deviceId: string;
  /** Unix ms */
  readonly connectedAtMs: number;
}

/** What a session that comes finds. */
export interface Scene<R> {
  /** Live sessions of the user, the earliest connection first. */
  readonly rows: readonly R[];
  readonly eviction: string;
  /** Most sessions, its own included; 0 = any number. */
  readonly most: number;
  /** A new connection, none that registers again. */
  readonly isNew: boolean;
}

export interface Decision<R> {
  /** Its own row of before. */
  readonly known: R | undefined;
  readonly connectedAtMs: number;
  /** A later connection has its place: nothing changes but that its own row goes. */
  readonly refused: boolean;
  /** All others. */
  readonly others: readonly R[];
  /** Who makes room, in the order they are told. */
  readonly gone: readonly R[];
  readonly kept: readonly R[];
}

/** The rules of spec 20 §2 for a session that comes. A new one is always later than those that are there; one that
 *  registers again keeps its time, and is refused where a later connection has its place: otherwise two that never heard of
 *  each other would evict each other forever. `goOnline` has them in Lua too. */
export function decideArrival<R extends Placed>(own: Placed, { rows, eviction, most, isNew }: Scene<R>): Decision<R> {
  const known = rows.find((one) => one.id === own.id);
  const others = rows.filter((one) => one !== known);
  const connectedAtMs = timeOf(own, known, others, isNew);
  const gone = others.filter((one) => isReplaced(one, own, eviction));
  const kept = others.filter((one) => !isReplaced(one, own, eviction));
  const over = most > 0 ? Math.max(0, kept.length - most + 1) : 0;
  const inPlace = over > 0 ? [...gone, ...kept.slice(over - 1, over)] : gone;
  const refused = inPlace.some((one) => one.connectedAtMs > connectedAtMs);
  if (!refused) gone.push(...kept.splice(0, over));
  return { known, connectedAtMs, refused, others, gone, kept };
}

/** When it connected: `others` are ordered by that. */
function timeOf<R extends Placed>(own: Placed, known: R | undefined, others: readonly R[], isNew: boolean): number {
  if (known !== undefined) return known.connectedAtMs;
  const latest = others.at(-1)?.connectedAtMs ?? 0;
  return isNew && latest >= own.connectedAtMs ? latest + 1 : own.connectedAtMs;
}

function isReplaced(row: Placed, own: Placed, eviction: string): boolean {
  if (eviction === "single") return true;
  if (eviction === "per-platform") return row.platform === own.platform;
  return eviction === "multi" && own.deviceId !== "" && row.deviceId === own.deviceId;
}

/** The earliest connection first. */
export function byConnection(a: Placed, b: Placed): number {
  return a.connectedAtMs - b.connectedAtMs || (a.id < b.id ? -1 : 1);
}
