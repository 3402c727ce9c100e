import { eq, getTableColumns } from "drizzle-orm";
import type { Tables } from "#drizzle/schema.ts";
import type { Tx } from "#infra/db/db.ts";
import { findMany, now, run, type Steps } from "#infra/db/steps.ts";
import type { SessionRow } from "./session.ts";

export interface Rotation {
  /** Hash of the token that is shown, or the session whose token, whatever it is, is replaced. */
  readonly of: { readonly hash: string } | { readonly sessionId: string; readonly userId: bigint };
  readonly newHash: string;
  readonly newClaims: string;
  readonly deviceId: string;
  /** Unix ms */
  readonly expiresAtMs: number;
}

export type RotationResult =
  /** `refreshClaims` of the row are those of the token that is good now */
  | { readonly is: "rotated" | "repeated"; readonly session: SessionRow }
  /** used again too late or by another device: the session is revoked now */
  | { readonly is: "reused"; readonly session: SessionRow }
  | { readonly is: "unknown" | "revoked" | "expired" };

/** The transaction body of a rotation. The session's row is locked first, so of two at once one waits and repeats. */
export function createRotation(
  table: Tables["userSessions"],
  graceMs: number,
): (tx: Tx, of: Rotation) => Steps<RotationResult> {
  const columns = getTableColumns(table);
  const byRefresh = { table, columns, by: [table.refreshHash], lock: true };
  const byId = { table, columns, by: [table.id], lock: true };
  const byPrevious = { table, columns, by: [table.prevRefreshHash], lock: true };

  return function* rotate({ q }, of) {
    const at = yield* now();
    const [current] =
      "hash" in of.of
        ? yield* findMany(byRefresh, [[of.of.hash]])
        : (yield* findMany(byId, [[of.of.sessionId]])).filter(ownedBy(of.of.userId));
    const [session] = current || !("hash" in of.of) ? [current] : yield* findMany(byPrevious, [[of.of.hash]]);
    if (!session) return { is: "unknown" };
    if (session.revokedAt !== null) return { is: "revoked" };
    if (session.expiresAt <= at) return { is: "expired" };
    const elsewhere = isElsewhere(of.deviceId, session.deviceId, current === undefined);
    if (!elsewhere && current) {
      const set = rotated(session, of, at);
      yield* run(q.update(table).set(set).where(eq(table.id, session.id)));
      return { is: "rotated", session: { ...session, ...set } };
    }
    const inGrace = session.rotatedAt !== null && at - session.rotatedAt <= graceMs;
    if (!elsewhere && inGrace) return { is: "repeated", session };
    yield* run(q.update(table).set({ revokedAt: at, updatedAt: at }).where(eq(table.id, session.id)));
    return { is: "reused", session };
  };
}

function ownedBy(userId: bigint): (session: SessionRow) => boolean {
  return (session) => session.userId === userId;
}

function rotated(session: SessionRow, of: Rotation, at: number) {
  return {
    refreshHash: of.newHash,
    refreshClaims: of.newClaims,
    prevRefreshHash: session.refreshHash,
    deviceId: session.deviceId ?? (of.deviceId || null),
    rotatedAt: at,
    refreshCount: session.refreshCount + 1,
    expiresAt: of.expiresAtMs,
    lastSeenAt: at,
    updatedAt: at,
  };
}

/** Another device is one that says so; a client that gave no id before gives none when it repeats. */
function isElsewhere(given: string, known: string | null, isRepeat: boolean): boolean {
  if (given === "") return false;
  return known === null ? isRepeat : given !== known;
}
