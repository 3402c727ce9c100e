CREATE TABLE "users" (
  "id" INTEGER NOT NULL,
  "username" TEXT NOT NULL CHECK (length("username") <= 50),
  "username_key" TEXT NOT NULL CHECK (octet_length("username_key") <= 255),
  "password_hash" TEXT NOT NULL CHECK (length("password_hash") <= 255),
  "avatar_url" TEXT NULL CHECK (length("avatar_url") <= 255),
  "is_guest" INTEGER NOT NULL DEFAULT 0,
  "status" INTEGER NOT NULL DEFAULT 0,
  "created_at" INTEGER NOT NULL,
  "updated_at" INTEGER NOT NULL,
  PRIMARY KEY ("id")
) STRICT;
CREATE UNIQUE INDEX "uk_username" ON "users" ("username_key");
CREATE INDEX "idx_users_is_guest" ON "users" ("is_guest", "created_at");
CREATE INDEX "idx_users_status" ON "users" ("status");

CREATE TABLE "conversations" (
  "id" TEXT NOT NULL CHECK (length("id") <= 64),
  "type" INTEGER NOT NULL,
  "name" TEXT NULL CHECK (length("name") <= 100),
  "avatar_url" TEXT NULL CHECK (length("avatar_url") <= 255),
  "description" TEXT NULL CHECK (octet_length("description") <= 65535),
  "owner_id" INTEGER NULL,
  "member_count" INTEGER NOT NULL DEFAULT 0,
  "settings" TEXT NULL CHECK (octet_length("settings") <= 65535),
  "last_message_id" INTEGER NULL,
  "last_seq_id" INTEGER NOT NULL DEFAULT 0,
  "last_message_no" INTEGER NOT NULL DEFAULT 0,
  "last_message_at" INTEGER NOT NULL,
  "members_seq" INTEGER NOT NULL DEFAULT 0,
  "is_room" INTEGER NOT NULL DEFAULT 0,
  "parked_at" INTEGER NULL,
  "version" INTEGER NOT NULL DEFAULT 1,
  "dissolved_at" INTEGER NULL,
  "created_at" INTEGER NOT NULL,
  "updated_at" INTEGER NOT NULL,
  PRIMARY KEY ("id")
) STRICT;
CREATE INDEX "idx_conversations_type_updated" ON "conversations" ("type", "updated_at");
CREATE INDEX "idx_conversations_owner" ON "conversations" ("owner_id");
CREATE INDEX "idx_conversations_updated" ON "conversations" ("updated_at");

CREATE TABLE "conversation_members" (
  "id" INTEGER NOT NULL,
  "conversation_id" TEXT NOT NULL CHECK (length("conversation_id") <= 64),
  "user_id" INTEGER NOT NULL,
  "role" INTEGER NOT NULL DEFAULT 1,
  "muted" INTEGER NOT NULL DEFAULT 0,
  "muted_until" INTEGER NULL,
  "pinned_at" INTEGER NULL,
  "notify_muted" INTEGER NOT NULL DEFAULT 0,
  "joined_seq_id" INTEGER NOT NULL DEFAULT 0,
  "hidden_before_seq" INTEGER NOT NULL DEFAULT 0,
  "joined_at" INTEGER NOT NULL,
  "created_at" INTEGER NOT NULL,
  "updated_at" INTEGER NOT NULL,
  PRIMARY KEY ("id")
) STRICT;
CREATE UNIQUE INDEX "uk_members_user_conv" ON "conversation_members" ("user_id", "conversation_id");
CREATE INDEX "idx_members_conversation" ON "conversation_members" ("conversation_id", "user_id");
CREATE INDEX "idx_members_user_updated" ON "conversation_members" ("user_id", "updated_at");
CREATE INDEX "idx_members_role" ON "conversation_members" ("conversation_id", "role");

CREATE TABLE "messages" (
  "id" INTEGER NOT NULL,
  "conversation_id" TEXT NOT NULL CHECK (length("conversation_id") <= 64),
  "sender_id" INTEGER NOT NULL,
  "message_type" INTEGER NOT NULL DEFAULT 1,
  "content" TEXT NOT NULL CHECK (octet_length("content") <= 65535),
  "seq_id" INTEGER NOT NULL,
  "client_msg_id" TEXT NULL CHECK (octet_length("client_msg_id") <= 64),
  "send_hash" BLOB NULL CHECK (octet_length("send_hash") <= 32),
  "kind" INTEGER NOT NULL DEFAULT 1,
  "change_type" TEXT NULL CHECK (length("change_type") <= 32),
  "target_message_id" INTEGER NULL,
  "message_no" INTEGER NOT NULL,
  "deleted" INTEGER NOT NULL DEFAULT 0,
  "extra" TEXT NULL CHECK (octet_length("extra") <= 65535),
  "meta" TEXT NULL CHECK (octet_length("meta") <= 65535),
  "reply_to_id" INTEGER NULL,
  "recalled_by" INTEGER NULL,
  "recalled_at" INTEGER NULL,
  "created_at" INTEGER NOT NULL,
  "updated_at" INTEGER NOT NULL,
  PRIMARY KEY ("id")
) STRICT;
CREATE UNIQUE INDEX "uk_conversation_seq" ON "messages" ("conversation_id", "seq_id");
CREATE UNIQUE INDEX "uk_conv_sender_client" ON "messages" ("conversation_id", "sender_id", "client_msg_id");
CREATE INDEX "idx_conv_created" ON "messages" ("conversation_id", "created_at");
CREATE INDEX "idx_sender" ON "messages" ("sender_id", "created_at");

CREATE TABLE "user_read_pointers" (
  "id" INTEGER NOT NULL,
  "user_id" INTEGER NOT NULL,
  "conversation_id" TEXT NOT NULL CHECK (length("conversation_id") <= 64),
  "last_read_seq_id" INTEGER NOT NULL DEFAULT 0,
  "last_read_message_no" INTEGER NOT NULL DEFAULT 0,
  "created_at" INTEGER NOT NULL,
  "updated_at" INTEGER NOT NULL,
  PRIMARY KEY ("id")
) STRICT;
CREATE UNIQUE INDEX "uk_pointers_user_conv" ON "user_read_pointers" ("user_id", "conversation_id");
CREATE INDEX "idx_pointers_conversation" ON "user_read_pointers" ("conversation_id");

CREATE TABLE "conversation_removals" (
  "user_id" INTEGER NOT NULL,
  "conversation_id" TEXT NOT NULL CHECK (length("conversation_id") <= 64),
  "seq_id" INTEGER NOT NULL,
  "removed_at" INTEGER NOT NULL,
  "created_at" INTEGER NOT NULL,
  "updated_at" INTEGER NOT NULL,
  PRIMARY KEY ("user_id", "conversation_id")
) STRICT;
CREATE INDEX "idx_removals_removed" ON "conversation_removals" ("removed_at");

CREATE TABLE "friendship_requests" (
  "id" INTEGER NOT NULL,
  "requester_id" INTEGER NOT NULL,
  "target_id" INTEGER NOT NULL,
  "status" INTEGER NOT NULL DEFAULT 0,
  "requester_remarks" TEXT NULL CHECK (length("requester_remarks") <= 100),
  "target_remarks" TEXT NULL CHECK (length("target_remarks") <= 100),
  "message" TEXT NULL CHECK (octet_length("message") <= 65535),
  "created_at" INTEGER NOT NULL,
  "updated_at" INTEGER NOT NULL,
  PRIMARY KEY ("id")
) STRICT;
CREATE UNIQUE INDEX "uk_requester_target" ON "friendship_requests" ("requester_id", "target_id");
CREATE INDEX "idx_target_status" ON "friendship_requests" ("target_id", "status");
CREATE INDEX "idx_requester_status" ON "friendship_requests" ("requester_id", "status");
CREATE INDEX "idx_status_created" ON "friendship_requests" ("status", "created_at");
CREATE INDEX "idx_requester_updated" ON "friendship_requests" ("requester_id", "updated_at");

CREATE TABLE "user_sessions" (
  "id" TEXT NOT NULL CHECK (length("id") <= 36),
  "user_id" INTEGER NOT NULL,
  "device_id" TEXT NULL CHECK (length("device_id") <= 64),
  "platform" TEXT NULL CHECK (length("platform") <= 16),
  "client_info" TEXT NULL CHECK (length("client_info") <= 200),
  "ip" TEXT NULL CHECK (length("ip") <= 45),
  "refresh_hash" TEXT NOT NULL CHECK (length("refresh_hash") <= 64),
  "refresh_claims" TEXT NOT NULL CHECK (octet_length("refresh_claims") <= 65535),
  "prev_refresh_hash" TEXT NULL CHECK (length("prev_refresh_hash") <= 64),
  "rotated_at" INTEGER NULL,
  "refresh_count" INTEGER NOT NULL DEFAULT 0,
  "expires_at" INTEGER NOT NULL,
  "revoked_at" INTEGER NULL,
  "last_seen_at" INTEGER NOT NULL,
  "created_at" INTEGER NOT NULL,
  "updated_at" INTEGER NOT NULL,
  PRIMARY KEY ("id")
) STRICT;
CREATE UNIQUE INDEX "uk_refresh" ON "user_sessions" ("refresh_hash");
CREATE INDEX "idx_sessions_user" ON "user_sessions" ("user_id", "revoked_at");
CREATE INDEX "idx_sessions_prev" ON "user_sessions" ("prev_refresh_hash");

CREATE TABLE "outbox" (
  "id" INTEGER NOT NULL,
  "ranges" BLOB NOT NULL,
  "created_at" INTEGER NOT NULL,
  PRIMARY KEY ("id")
) STRICT;
CREATE INDEX "idx_outbox_created" ON "outbox" ("created_at");
