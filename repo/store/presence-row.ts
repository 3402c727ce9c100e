/** One socket session in the hash `onlineKey(user_id)`, under its session id, as JSON. */
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

export function parseRow(json: string): PresenceRow | undefined {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const {
    gatewayId,
    incarnation,
    sid,
    deviceId,
    platform,
    clientInfo,
    connectedAtMs,
    lastSeen,
  }: Partial<Record<keyof PresenceRow, unknown>> = value;
  if (typeof gatewayId !== "string" || typeof incarnation !== "string") return undefined;
  if (typeof connectedAtMs !== "number" || typeof lastSeen !== "number") return undefined;
  const text = (one: unknown): string => (typeof one === "string" ? one : "");
  return {
    gatewayId,
    incarnation,
    sid: text(sid),
    deviceId: text(deviceId),
    platform: text(platform),
    clientInfo: text(clientInfo),
    connectedAtMs,
    lastSeen,
  };
}
