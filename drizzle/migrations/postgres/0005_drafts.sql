CREATE TABLE "drafts" (
  "user_id" BIGINT NOT NULL,
  "conversation_id" VARCHAR(64) COLLATE "C" NOT NULL,
  "content" TEXT NOT NULL,
  "reply_to_id" BIGINT NULL,
  "created_at" TIMESTAMPTZ(3) NOT NULL,
  "updated_at" TIMESTAMPTZ(3) NOT NULL,
  PRIMARY KEY ("user_id", "conversation_id")
);
