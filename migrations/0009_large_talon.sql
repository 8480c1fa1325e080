CREATE TABLE `cached_answer` (
	`team_id` text NOT NULL,
	`hash` text NOT NULL,
	`sealed` text,
	`file_key` text,
	`created_at` text NOT NULL,
	`expires_at` text NOT NULL,
	PRIMARY KEY(`team_id`, `hash`)
);
--> statement-breakpoint
CREATE INDEX `cached_answer_expiry` ON `cached_answer` (`expires_at`);--> statement-breakpoint
CREATE TABLE `guardrails` (
	`team_id` text PRIMARY KEY NOT NULL,
	`rules` text NOT NULL,
	`updated_at` text NOT NULL
);
--> statement-breakpoint
ALTER TABLE `api_key` ADD `cache_ttl_seconds` integer;--> statement-breakpoint
ALTER TABLE `api_key` ADD `allowed_models` text;--> statement-breakpoint
ALTER TABLE `api_key` ADD `denied_models` text DEFAULT '[]' NOT NULL;--> statement-breakpoint
ALTER TABLE `api_key` ADD `max_input_tokens` integer;--> statement-breakpoint
ALTER TABLE `run` ADD `saved_nano_usd` integer;