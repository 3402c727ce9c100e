CREATE TABLE "audit_log" (
  "id" BIGINT NOT NULL,
  "actor_id" BIGINT NOT NULL,
  "action" VARCHAR(64) COLLATE "C" NOT NULL,
  "object_type" VARCHAR(32) COLLATE "C" NOT NULL,
  "object_id" VARCHAR(64) COLLATE "C" NOT NULL,
  "detail" TEXT NOT NULL,
  "ip" VARCHAR(45) NULL,
  "created_at" TIMESTAMPTZ(3) NOT NULL,
  "updated_at" TIMESTAMPTZ(3) NOT NULL,
  PRIMARY KEY ("id")
);
CREATE INDEX "idx_audit_object" ON "audit_log" ("object_type", "object_id");
CREATE INDEX "idx_audit_actor" ON "audit_log" ("actor_id", "created_at");
