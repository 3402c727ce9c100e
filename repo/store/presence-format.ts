/** One gateway on which a user has sessions. */
export interface PresencePlace {
  gatewayId: string;
  /** UUID of this life of the gateway. */
  incarnation: string;
  /** Number of sessions there, at least 1. */
  sessions: number;
}

/** Cache key of a user's places, written with the session rows in one atomic step (spec 40 §5). */
export function presenceKey(userId: bigint | string): string {
  return `presence:{${userId}}`;
}

/** `gateway-1|018f…|2;gateway-4|018f…|1`: short, because it is read for every member of a listed conversation. */
export function formatPresence(places: readonly PresencePlace[]): string {
  const text = places.map((place) => `${place.gatewayId}|${place.incarnation}|${place.sessions}`).join(";");
  if (places.length > 1) return text;
  // Most users are in one place, and there are few: in the memory of one process all of them share its text.
  const known = shared.get(text);
  if (known !== undefined) return known;
  if (shared.size >= sharedMax) shared.clear();
  shared.set(text, text);
  return text;
}

const shared = new Map<string, string>();
/** Texts. */
const sharedMax = 100;

/** The places of a stored value; what cannot be read is left out, for presence may be lost at any time. */
export function parsePresence(value: string | undefined): PresencePlace[] {
  if (value === undefined || value === "") return [];
  const places: PresencePlace[] = [];
  for (const part of value.split(";")) {
    const [gatewayId, incarnation, count] = part.split("|");
    const sessions = Number(count);
    if (gatewayId && incarnation && sessions > 0) places.push({ gatewayId, incarnation, sessions });
  }
  return places;
}
