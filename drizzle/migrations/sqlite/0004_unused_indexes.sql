DROP INDEX "idx_conversations_type_updated";
DROP INDEX "idx_conversations_owner";
DROP INDEX "idx_conversations_updated";
DROP INDEX "idx_members_user_updated";
DROP INDEX "idx_conv_created";
DROP INDEX "idx_sender";
