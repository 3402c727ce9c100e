CREATE TABLE IF NOT EXISTS `users` (
  `id` BIGINT NOT NULL,
  `username` VARCHAR(50) NOT NULL,
  `username_key` VARBINARY(255) NOT NULL,
  `password_hash` VARCHAR(255) NOT NULL,
  `avatar_url` VARCHAR(255) NULL,
  `is_guest` BOOLEAN NOT NULL DEFAULT FALSE,
  `status` INT NOT NULL DEFAULT 0,
  `created_at` DATETIME(3) NOT NULL,
  `updated_at` DATETIME(3) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uk_username` (`username_key`),
  KEY `idx_users_is_guest` (`is_guest`, `created_at`),
  KEY `idx_users_status` (`status`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

CREATE TABLE IF NOT EXISTS `conversations` (
  `id` VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `type` INT NOT NULL,
  `name` VARCHAR(100) NULL,
  `avatar_url` VARCHAR(255) NULL,
  `description` TEXT NULL,
  `owner_id` BIGINT NULL,
  `member_count` INT NOT NULL DEFAULT 0,
  `settings` TEXT NULL,
  `last_message_id` BIGINT NULL,
  `last_seq_id` BIGINT NOT NULL DEFAULT 0,
  `last_message_no` BIGINT NOT NULL DEFAULT 0,
  `last_message_at` DATETIME(3) NOT NULL,
  `members_seq` BIGINT NOT NULL DEFAULT 0,
  `is_room` BOOLEAN NOT NULL DEFAULT FALSE,
  `parked_at` DATETIME(3) NULL,
  `version` BIGINT NOT NULL DEFAULT 1,
  `dissolved_at` DATETIME(3) NULL,
  `created_at` DATETIME(3) NOT NULL,
  `updated_at` DATETIME(3) NOT NULL,
  PRIMARY KEY (`id`),
  KEY `idx_conversations_type_updated` (`type`, `updated_at`),
  KEY `idx_conversations_owner` (`owner_id`),
  KEY `idx_conversations_updated` (`updated_at`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

CREATE TABLE IF NOT EXISTS `conversation_members` (
  `id` BIGINT NOT NULL,
  `conversation_id` VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `user_id` BIGINT NOT NULL,
  `role` INT NOT NULL DEFAULT 1,
  `muted` BOOLEAN NOT NULL DEFAULT FALSE,
  `muted_until` DATETIME(3) NULL,
  `pinned_at` DATETIME(3) NULL,
  `notify_muted` BOOLEAN NOT NULL DEFAULT FALSE,
  `joined_seq_id` BIGINT NOT NULL DEFAULT 0,
  `hidden_before_seq` BIGINT NOT NULL DEFAULT 0,
  `joined_at` DATETIME(3) NOT NULL,
  `created_at` DATETIME(3) NOT NULL,
  `updated_at` DATETIME(3) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uk_members_user_conv` (`user_id`, `conversation_id`),
  KEY `idx_members_conversation` (`conversation_id`, `user_id`),
  KEY `idx_members_user_updated` (`user_id`, `updated_at`),
  KEY `idx_members_role` (`conversation_id`, `role`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

CREATE TABLE IF NOT EXISTS `messages` (
  `id` BIGINT NOT NULL,
  `conversation_id` VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `sender_id` BIGINT NOT NULL,
  `message_type` INT NOT NULL DEFAULT 1,
  `content` TEXT NOT NULL,
  `seq_id` BIGINT NOT NULL,
  `client_msg_id` VARBINARY(64) NULL,
  `send_hash` BINARY(32) NULL,
  `kind` TINYINT NOT NULL DEFAULT 1,
  `change_type` VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
  `target_message_id` BIGINT NULL,
  `message_no` BIGINT NOT NULL,
  `deleted` BOOLEAN NOT NULL DEFAULT FALSE,
  `extra` TEXT NULL,
  `meta` TEXT NULL,
  `reply_to_id` BIGINT NULL,
  `recalled_by` BIGINT NULL,
  `recalled_at` DATETIME(3) NULL,
  `created_at` DATETIME(3) NOT NULL,
  `updated_at` DATETIME(3) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uk_conversation_seq` (`conversation_id`, `seq_id`),
  UNIQUE KEY `uk_conv_sender_client` (`conversation_id`, `sender_id`, `client_msg_id`),
  KEY `idx_conv_created` (`conversation_id`, `created_at`),
  KEY `idx_sender` (`sender_id`, `created_at`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

CREATE TABLE IF NOT EXISTS `user_read_pointers` (
  `id` BIGINT NOT NULL,
  `user_id` BIGINT NOT NULL,
  `conversation_id` VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `last_read_seq_id` BIGINT NOT NULL DEFAULT 0,
  `last_read_message_no` BIGINT NOT NULL DEFAULT 0,
  `created_at` DATETIME(3) NOT NULL,
  `updated_at` DATETIME(3) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uk_pointers_user_conv` (`user_id`, `conversation_id`),
  KEY `idx_pointers_conversation` (`conversation_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

CREATE TABLE IF NOT EXISTS `conversation_removals` (
  `user_id` BIGINT NOT NULL,
  `conversation_id` VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `seq_id` BIGINT NOT NULL,
  `removed_at` DATETIME(3) NOT NULL,
  `created_at` DATETIME(3) NOT NULL,
  `updated_at` DATETIME(3) NOT NULL,
  PRIMARY KEY (`user_id`, `conversation_id`),
  KEY `idx_removals_removed` (`removed_at`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

CREATE TABLE IF NOT EXISTS `friendship_requests` (
  `id` BIGINT NOT NULL,
  `requester_id` BIGINT NOT NULL,
  `target_id` BIGINT NOT NULL,
  `status` INT NOT NULL DEFAULT 0,
  `requester_remarks` VARCHAR(100) NULL,
  `target_remarks` VARCHAR(100) NULL,
  `message` TEXT NULL,
  `created_at` DATETIME(3) NOT NULL,
  `updated_at` DATETIME(3) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uk_requester_target` (`requester_id`, `target_id`),
  KEY `idx_target_status` (`target_id`, `status`),
  KEY `idx_requester_status` (`requester_id`, `status`),
  KEY `idx_status_created` (`status`, `created_at`),
  KEY `idx_requester_updated` (`requester_id`, `updated_at`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

CREATE TABLE IF NOT EXISTS `user_sessions` (
  `id` CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `user_id` BIGINT NOT NULL,
  `device_id` VARCHAR(64) NULL,
  `platform` VARCHAR(16) NULL,
  `client_info` VARCHAR(200) NULL,
  `ip` VARCHAR(45) NULL,
  `refresh_hash` CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `refresh_claims` TEXT NOT NULL,
  `prev_refresh_hash` CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
  `rotated_at` DATETIME(3) NULL,
  `refresh_count` INT NOT NULL DEFAULT 0,
  `expires_at` DATETIME(3) NOT NULL,
  `revoked_at` DATETIME(3) NULL,
  `last_seen_at` DATETIME(3) NOT NULL,
  `created_at` DATETIME(3) NOT NULL,
  `updated_at` DATETIME(3) NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `uk_refresh` (`refresh_hash`),
  KEY `idx_sessions_user` (`user_id`, `revoked_at`),
  KEY `idx_sessions_prev` (`prev_refresh_hash`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

CREATE TABLE IF NOT EXISTS `outbox` (
  `id` BIGINT NOT NULL,
  `ranges` BLOB NOT NULL,
  `created_at` DATETIME(3) NOT NULL,
  PRIMARY KEY (`id`),
  KEY `idx_outbox_created` (`created_at`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
