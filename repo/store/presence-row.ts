/** One socket session in the hash `onlineKey(user_id)`, under its session id, as `formatRow` writes it. */
export interface PresenceRow {
  readonly gatewayId: string;
  readonly incarnation: string;
  /** login session of its token */
  readonly sid: string;
  readonly deviceId: string;
  readonly platform: string;
  readonly clientInfo: string;
  /** Unix ms by the clocks of repo; later connections of a user have a greater one. */
  readonly connectedAtMs: number;
  /** Unix s */
  readonly lastSeen: number;
}

/** The braces are part of the key: they put it into the slot of `presenceKey`, so that a cluster can write both in one step. */
export function onlineKey(userId: bigint | string): string {
  return `user:online:{${userId}}`;
}

/** gateway, incarnation, sid, connected at (Unix ms), last seen (Unix s), platform, device, client info, a tab between two:
 *  200,000 rows may lie in the memory of one process, so no names. A tab in a text becomes a space. */
export function formatRow(row: PresenceRow): string {
  const { gatewayId, incarnation, sid, connectedAtMs, lastSeen, platform, deviceId, clientInfo } = row;
  const texts = [gatewayId, incarnation, sid, connectedAtMs, lastSeen, platform, deviceId, clientInfo];
  // Joined, because a concatenated text would keep its pieces.
  return texts.map((text) => String(text).replaceAll("\t", " ")).join("\t");
}

/** In Lua as in `rowPattern` of presence-scripts. */
const rowPattern = /^([^\t]+)\t([^\t]+)\t([^\t]*)\t([0-9]+)\t([0-9]+)\t([^\t]*)\t([^\t]*)\t([^\t]*)$/;
const digitsMax = 15;

/** Undefined for what another version wrote, or what is damaged. */
export function parseRow(text: string): PresenceRow | undefined {
  const parts = rowPattern.exec(text);
  if (parts === null) return undefined;
  const [, gatewayId = "", incarnation = "", sid = "", connectedAt = "", seen = "", ...rest] = parts;
  if (connectedAt.length > digitsMax || seen.length > digitsMax) return undefined;
  const [platform = "", deviceId = "", clientInfo = ""] = rest;
  const times = { connectedAtMs: Number(connectedAt), lastSeen: Number(seen) };
  return { gatewayId, incarnation, sid, deviceId, platform, clientInfo, ...times };
}
