CREATE TABLE IF NOT EXISTS `audit_log` (
  `id` BIGINT NOT NULL,
  `actor_id` BIGINT NOT NULL,
  `action` VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `object_type` VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `object_id` VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `detail` MEDIUMTEXT NOT NULL,
  `ip` VARCHAR(45) NULL,
  `created_at` DATETIME(3) NOT NULL,
  `updated_at` DATETIME(3) NOT NULL,
  PRIMARY KEY (`id`),
  KEY `idx_audit_object` (`object_type`, `object_id`),
  KEY `idx_audit_actor` (`actor_id`, `created_at`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
