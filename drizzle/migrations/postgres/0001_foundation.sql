CREATE TABLE "users" (
  "id" BIGINT NOT NULL,
  "username" VARCHAR(50) NOT NULL,
  "username_key" VARCHAR(255) COLLATE "C" NOT NULL,
  "password_hash" VARCHAR(255) NOT NULL,
  "avatar_url" VARCHAR(255) NULL,
  "is_guest" BOOLEAN NOT NULL DEFAULT FALSE,
  "status" INTEGER NOT NULL DEFAULT 0,
  "created_at" TIMESTAMPTZ(3) NOT NULL,
  "updated_at" TIMESTAMPTZ(3) NOT NULL,
  PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "uk_username" ON "users" ("username_key");
CREATE INDEX "idx_users_is_guest" ON "users" ("is_guest", "created_at");
CREATE INDEX "idx_users_status" ON "users" ("status");

CREATE TABLE "conversations" (
  "id" VARCHAR(64) COLLATE "C" NOT NULL,
  "type" INTEGER NOT NULL,
  "name" VARCHAR(100) NULL,
  "avatar_url" VARCHAR(255) NULL,
  "description" TEXT NULL,
  "owner_id" BIGINT NULL,
  "member_count" INTEGER NOT NULL DEFAULT 0,
  "settings" TEXT NULL,
  "last_message_id" BIGINT NULL,
  "last_seq_id" BIGINT NOT NULL DEFAULT 0,
  "last_message_no" BIGINT NOT NULL DEFAULT 0,
  "last_message_at" TIMESTAMPTZ(3) NOT NULL,
  "members_seq" BIGINT NOT NULL DEFAULT 0,
  "is_room" BOOLEAN NOT NULL DEFAULT FALSE,
  "parked_at" TIMESTAMPTZ(3) NULL,
  "version" BIGINT NOT NULL DEFAULT 1,
  "dissolved_at" TIMESTAMPTZ(3) NULL,
  "created_at" TIMESTAMPTZ(3) NOT NULL,
  "updated_at" TIMESTAMPTZ(3) NOT NULL,
  PRIMARY KEY ("id")
);
CREATE INDEX "idx_conversations_type_updated" ON "conversations" ("type", "updated_at");
CREATE INDEX "idx_conversations_owner" ON "conversations" ("owner_id");
CREATE INDEX "idx_conversations_updated" ON "conversations" ("updated_at");

CREATE TABLE "conversation_members" (
  "id" BIGINT NOT NULL,
  "conversation_id" VARCHAR(64) COLLATE "C" NOT NULL,
  "user_id" BIGINT NOT NULL,
  "role" INTEGER NOT NULL DEFAULT 1,
  "muted" BOOLEAN NOT NULL DEFAULT FALSE,
  "muted_until" TIMESTAMPTZ(3) NULL,
  "pinned_at" TIMESTAMPTZ(3) NULL,
  "notify_muted" BOOLEAN NOT NULL DEFAULT FALSE,
  "joined_seq_id" BIGINT NOT NULL DEFAULT 0,
  "hidden_before_seq" BIGINT NOT NULL DEFAULT 0,
  "joined_at" TIMESTAMPTZ(3) NOT NULL,
  "created_at" TIMESTAMPTZ(3) NOT NULL,
  "updated_at" TIMESTAMPTZ(3) NOT NULL,
  PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "uk_members_user_conv" ON "conversation_members" ("user_id", "conversation_id");
CREATE INDEX "idx_members_conversation" ON "conversation_members" ("conversation_id", "user_id");
CREATE INDEX "idx_members_user_updated" ON "conversation_members" ("user_id", "updated_at");
CREATE INDEX "idx_members_role" ON "conversation_members" ("conversation_id", "role");

CREATE TABLE "messages" (
  "id" BIGINT NOT NULL,
  "conversation_id" VARCHAR(64) COLLATE "C" NOT NULL,
  "sender_id" BIGINT NOT NULL,
  "message_type" INTEGER NOT NULL DEFAULT 1,
  "content" TEXT NOT NULL,
  "seq_id" BIGINT NOT NULL,
  "client_msg_id" VARCHAR(64) COLLATE "C" NULL,
  "send_hash" BYTEA NULL,
  "kind" SMALLINT NOT NULL DEFAULT 1,
  "change_type" VARCHAR(32) COLLATE "C" NULL,
  "target_message_id" BIGINT NULL,
  "message_no" BIGINT NOT NULL,
  "deleted" BOOLEAN NOT NULL DEFAULT FALSE,
  "extra" TEXT NULL,
  "meta" TEXT NULL,
  "reply_to_id" BIGINT NULL,
  "recalled_by" BIGINT NULL,
  "recalled_at" TIMESTAMPTZ(3) NULL,
  "created_at" TIMESTAMPTZ(3) NOT NULL,
  "updated_at" TIMESTAMPTZ(3) NOT NULL,
  PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "uk_conversation_seq" ON "messages" ("conversation_id", "seq_id");
CREATE UNIQUE INDEX "uk_conv_sender_client" ON "messages" ("conversation_id", "sender_id", "client_msg_id");
CREATE INDEX "idx_conv_created" ON "messages" ("conversation_id", "created_at");
CREATE INDEX "idx_sender" ON "messages" ("sender_id", "created_at");

CREATE TABLE "user_read_pointers" (
  "id" BIGINT NOT NULL,
  "user_id" BIGINT NOT NULL,
  "conversation_id" VARCHAR(64) COLLATE "C" NOT NULL,
  "last_read_seq_id" BIGINT NOT NULL DEFAULT 0,
  "last_read_message_no" BIGINT NOT NULL DEFAULT 0,
  "created_at" TIMESTAMPTZ(3) NOT NULL,
  "updated_at" TIMESTAMPTZ(3) NOT NULL,
  PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "uk_pointers_user_conv" ON "user_read_pointers" ("user_id", "conversation_id");
CREATE INDEX "idx_pointers_conversation" ON "user_read_pointers" ("conversation_id");

CREATE TABLE "conversation_removals" (
  "user_id" BIGINT NOT NULL,
  "conversation_id" VARCHAR(64) COLLATE "C" NOT NULL,
  "seq_id" BIGINT NOT NULL,
  "removed_at" TIMESTAMPTZ(3) NOT NULL,
  "created_at" TIMESTAMPTZ(3) NOT NULL,
  "updated_at" TIMESTAMPTZ(3) NOT NULL,
  PRIMARY KEY ("user_id", "conversation_id")
);
CREATE INDEX "idx_removals_removed" ON "conversation_removals" ("removed_at");

CREATE TABLE "friendship_requests" (
  "id" BIGINT NOT NULL,
  "requester_id" BIGINT NOT NULL,
  "target_id" BIGINT NOT NULL,
  "status" INTEGER NOT NULL DEFAULT 0,
  "requester_remarks" VARCHAR(100) NULL,
  "target_remarks" VARCHAR(100) NULL,
  "message" TEXT NULL,
  "created_at" TIMESTAMPTZ(3) NOT NULL,
  "updated_at" TIMESTAMPTZ(3) NOT NULL,
  PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "uk_requester_target" ON "friendship_requests" ("requester_id", "target_id");
CREATE INDEX "idx_target_status" ON "friendship_requests" ("target_id", "status");
CREATE INDEX "idx_requester_status" ON "friendship_requests" ("requester_id", "status");
CREATE INDEX "idx_status_created" ON "friendship_requests" ("status", "created_at");
CREATE INDEX "idx_requester_updated" ON "friendship_requests" ("requester_id", "updated_at");

CREATE TABLE "user_sessions" (
  "id" CHAR(36) COLLATE "C" NOT NULL,
  "user_id" BIGINT NOT NULL,
  "device_id" VARCHAR(64) NULL,
  "platform" VARCHAR(16) NULL,
  "client_info" VARCHAR(200) NULL,
  "ip" VARCHAR(45) NULL,
  "refresh_hash" CHAR(64) COLLATE "C" NOT NULL,
  "refresh_claims" TEXT NOT NULL,
  "prev_refresh_hash" CHAR(64) COLLATE "C" NULL,
  "rotated_at" TIMESTAMPTZ(3) NULL,
  "refresh_count" INTEGER NOT NULL DEFAULT 0,
  "expires_at" TIMESTAMPTZ(3) NOT NULL,
  "revoked_at" TIMESTAMPTZ(3) NULL,
  "last_seen_at" TIMESTAMPTZ(3) NOT NULL,
  "created_at" TIMESTAMPTZ(3) NOT NULL,
  "updated_at" TIMESTAMPTZ(3) NOT NULL,
  PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "uk_refresh" ON "user_sessions" ("refresh_hash");
CREATE INDEX "idx_sessions_user" ON "user_sessions" ("user_id", "revoked_at");
CREATE INDEX "idx_sessions_prev" ON "user_sessions" ("prev_refresh_hash");

CREATE TABLE "outbox" (
  "id" BIGINT NOT NULL,
  "ranges" BYTEA NOT NULL,
  "created_at" TIMESTAMPTZ(3) NOT NULL,
  PRIMARY KEY ("id")
);
CREATE INDEX "idx_outbox_created" ON "outbox" ("created_at");
