CREATE TABLE "audit_log" (
  "id" INTEGER NOT NULL,
  "actor_id" INTEGER NOT NULL,
  "action" TEXT NOT NULL CHECK (length("action") <= 64),
  "object_type" TEXT NOT NULL CHECK (length("object_type") <= 32),
  "object_id" TEXT NOT NULL CHECK (length("object_id") <= 64),
  "detail" TEXT NOT NULL CHECK (octet_length("detail") <= 16777215),
  "ip" TEXT NULL CHECK (length("ip") <= 45),
  "created_at" INTEGER NOT NULL,
  "updated_at" INTEGER NOT NULL,
  PRIMARY KEY ("id")
) STRICT;
CREATE INDEX "idx_audit_object" ON "audit_log" ("object_type", "object_id");
CREATE INDEX "idx_audit_actor" ON "audit_log" ("actor_id", "created_at");
