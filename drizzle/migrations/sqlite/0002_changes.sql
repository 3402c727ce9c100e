CREATE TABLE "message_reactions" (
  "message_id" INTEGER NOT NULL,
  "user_id" INTEGER NOT NULL,
  "emoji" TEXT NOT NULL CHECK (octet_length("emoji") <= 32),
  "conversation_id" TEXT NOT NULL CHECK (length("conversation_id") <= 64),
  "created_at" INTEGER NOT NULL,
  "updated_at" INTEGER NOT NULL,
  PRIMARY KEY ("message_id", "user_id", "emoji")
) STRICT;

CREATE TABLE "message_pins" (
  "id" INTEGER NOT NULL,
  "conversation_id" TEXT NOT NULL CHECK (length("conversation_id") <= 64),
  "message_id" INTEGER NOT NULL,
  "seq_id" INTEGER NOT NULL,
  "pinned_by" INTEGER NOT NULL,
  "created_at" INTEGER NOT NULL,
  "updated_at" INTEGER NOT NULL,
  PRIMARY KEY ("id")
) STRICT;
CREATE UNIQUE INDEX "uk_pins_conversation_message" ON "message_pins" ("conversation_id", "message_id");

CREATE TABLE "announcements" (
  "id" INTEGER NOT NULL,
  "conversation_id" TEXT NOT NULL CHECK (length("conversation_id") <= 64),
  "author_id" INTEGER NOT NULL,
  "content" TEXT NOT NULL CHECK (octet_length("content") <= 65535),
  "pinned" INTEGER NOT NULL DEFAULT 0,
  "version" INTEGER NOT NULL DEFAULT 1,
  "created_at" INTEGER NOT NULL,
  "updated_at" INTEGER NOT NULL,
  PRIMARY KEY ("id")
) STRICT;
CREATE UNIQUE INDEX "uk_announcements_conversation" ON "announcements" ("conversation_id");

CREATE TABLE "join_requests" (
  "id" INTEGER NOT NULL,
  "conversation_id" TEXT NOT NULL CHECK (length("conversation_id") <= 64),
  "user_id" INTEGER NOT NULL,
  "message" TEXT NULL CHECK (octet_length("message") <= 65535),
  "status" INTEGER NOT NULL DEFAULT 1,
  "handled_by" INTEGER NULL,
  "created_at" INTEGER NOT NULL,
  "updated_at" INTEGER NOT NULL,
  PRIMARY KEY ("id")
) STRICT;
CREATE INDEX "idx_join_conv_status" ON "join_requests" ("conversation_id", "status");
CREATE INDEX "idx_join_user" ON "join_requests" ("user_id", "created_at");
