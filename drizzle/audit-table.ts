import { defineTable, id, key, longText, nullable, time, varchar } from "./define.ts";

/** Who did what to which object, for those who have to answer for it later (spec 40 §3); migration 3. Nothing that a user
 *  can ask for reads it. Kept for a year (spec 40 §6). */
export const auditTable = {
  auditLog: defineTable(
    "audit_log",
    {
      id: id(),
      actorId: id(),
      /** As "message.recall". */
      action: key(64),
      objectType: key(32),
      objectId: key(64),
      /** JSON. Of a recall it holds a whole message with its escapes, which may pass 64 KiB. */
      detail: longText(),
      ip: nullable(varchar(45)),
      createdAt: time(),
      updatedAt: time(),
    },
    {
      primaryKey: ["id"],
      index: { idx_audit_object: ["objectType", "objectId"], idx_audit_actor: ["actorId", "createdAt"] },
    },
  ),
} as const;
