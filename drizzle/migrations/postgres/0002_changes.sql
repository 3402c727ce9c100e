CREATE TABLE "message_reactions" (
  "message_id" BIGINT NOT NULL,
  "user_id" BIGINT NOT NULL,
  "emoji" VARCHAR(32) COLLATE "C" NOT NULL,
  "conversation_id" VARCHAR(64) COLLATE "C" NOT NULL,
  "created_at" TIMESTAMPTZ(3) NOT NULL,
  "updated_at" TIMESTAMPTZ(3) NOT NULL,
  PRIMARY KEY ("message_id", "user_id", "emoji")
);

CREATE TABLE "message_pins" (
  "id" BIGINT NOT NULL,
  "conversation_id" VARCHAR(64) COLLATE "C" NOT NULL,
  "message_id" BIGINT NOT NULL,
  "seq_id" BIGINT NOT NULL,
  "pinned_by" BIGINT NOT NULL,
  "created_at" TIMESTAMPTZ(3) NOT NULL,
  "updated_at" TIMESTAMPTZ(3) NOT NULL,
  PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "uk_pins_conversation_message" ON "message_pins" ("conversation_id", "message_id");

CREATE TABLE "announcements" (
  "id" BIGINT NOT NULL,
  "conversation_id" VARCHAR(64) COLLATE "C" NOT NULL,
  "author_id" BIGINT NOT NULL,
  "content" TEXT NOT NULL,
  "pinned" BOOLEAN NOT NULL DEFAULT FALSE,
  "version" BIGINT NOT NULL DEFAULT 1,
  "created_at" TIMESTAMPTZ(3) NOT NULL,
  "updated_at" TIMESTAMPTZ(3) NOT NULL,
  PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "uk_announcements_conversation" ON "announcements" ("conversation_id");

CREATE TABLE "join_requests" (
  "id" BIGINT NOT NULL,
  "conversation_id" VARCHAR(64) COLLATE "C" NOT NULL,
  "user_id" BIGINT NOT NULL,
  "message" TEXT NULL,
  "status" INTEGER NOT NULL DEFAULT 1,
  "handled_by" BIGINT NULL,
  "created_at" TIMESTAMPTZ(3) NOT NULL,
  "updated_at" TIMESTAMPTZ(3) NOT NULL,
  PRIMARY KEY ("id")
);
CREATE INDEX "idx_join_conv_status" ON "join_requests" ("conversation_id", "status");
CREATE INDEX "idx_join_user" ON "join_requests" ("user_id", "created_at");
