import { eq, getTableColumns } from "drizzle-orm";
import type { Tables } from "#drizzle/schema.ts";
import type { Tx } from "#infra/db/db.ts";
import { findMany, now, run, type Steps } from "#infra/db/steps.ts";
import type { SessionRow } from "./session.ts";

export interface Rotation {
  readonly oldHash: string;
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
  const byPrevious = { table, columns, by: [table.prevRefreshHash], lock: true };

  return function* rotate({ q }, of) {
    const at = yield* now();
    const [current] = yield* findMany(byRefresh, [[of.oldHash]]);
    const [session] = current ? [current] : yield* findMany(byPrevious, [[of.oldHash]]);
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

function rotated(session: SessionRow, of: Rotation, at: number) {
  return {
    refreshHash: of.newHash,
    refreshClaims: of.newClaims,
    prevRefreshHash: of.oldHash,
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
