CREATE TABLE "drafts" (
  "user_id" INTEGER NOT NULL,
  "conversation_id" TEXT NOT NULL CHECK (length("conversation_id") <= 64),
  "content" TEXT NOT NULL CHECK (octet_length("content") <= 65535),
  "reply_to_id" INTEGER NULL,
  "created_at" INTEGER NOT NULL,
  "updated_at" INTEGER NOT NULL,
  PRIMARY KEY ("user_id", "conversation_id")
) STRICT;
