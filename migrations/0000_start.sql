CREATE TABLE `account` (
	`id` text PRIMARY KEY NOT NULL,
	`account_id` text NOT NULL,
	`provider_id` text NOT NULL,
	`user_id` text NOT NULL,
	`access_token` text,
	`refresh_token` text,
	`id_token` text,
	`access_token_expires_at` integer,
	`refresh_token_expires_at` integer,
	`scope` text,
	`password` text,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	FOREIGN KEY (`user_id`) REFERENCES `user`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `account_user` ON `account` (`user_id`);--> statement-breakpoint
CREATE TABLE `api_key` (
	`id` text PRIMARY KEY NOT NULL,
	`team_id` text NOT NULL,
	`name` text NOT NULL,
	`prefix` text NOT NULL,
	`hash` text NOT NULL,
	`role` text NOT NULL,
	`tags` text DEFAULT '[]' NOT NULL,
	`requests_per_minute` integer,
	`tokens_per_minute` integer,
	`created_by` text,
	`created_at` text NOT NULL,
	`expires_at` text,
	`last_used_at` text
);
--> statement-breakpoint
CREATE UNIQUE INDEX `api_key_hash_unique` ON `api_key` (`hash`);--> statement-breakpoint
CREATE INDEX `api_key_team` ON `api_key` (`team_id`,`id`);--> statement-breakpoint
CREATE TABLE `audit_log` (
	`id` text PRIMARY KEY NOT NULL,
	`team_id` text NOT NULL,
	`actor` text NOT NULL,
	`action` text NOT NULL,
	`target` text NOT NULL,
	`before` text,
	`after` text,
	`ip` text,
	`created_at` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `audit_log_team` ON `audit_log` (`team_id`,`id`);--> statement-breakpoint
CREATE TABLE `data_source` (
	`id` text PRIMARY KEY NOT NULL,
	`team_id` text NOT NULL,
	`name` text NOT NULL,
	`kind` text NOT NULL,
	`file_key` text NOT NULL,
	`columns` text NOT NULL,
	`row_count` integer NOT NULL,
	`bytes` integer NOT NULL,
	`created_at` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `data_source_team` ON `data_source` (`team_id`,`id`);--> statement-breakpoint
CREATE TABLE `definition` (
	`team_id` text NOT NULL,
	`hash` text NOT NULL,
	`body` text NOT NULL,
	`created_at` text NOT NULL,
	PRIMARY KEY(`team_id`, `hash`)
);
--> statement-breakpoint
CREATE TABLE `execution` (
	`id` text PRIMARY KEY NOT NULL,
	`team_id` text NOT NULL,
	`workflow_id` text NOT NULL,
	`version` integer,
	`definition_hash` text NOT NULL,
	`status` text NOT NULL,
	`trigger` text NOT NULL,
	`input` text,
	`input_ref` text,
	`key_id` text,
	`member_id` text,
	`budget_nano_usd` integer,
	`input_tokens` integer DEFAULT 0 NOT NULL,
	`output_tokens` integer DEFAULT 0 NOT NULL,
	`cost_nano_usd` integer DEFAULT 0 NOT NULL,
	`error` text,
	`created_at` text NOT NULL,
	`started_at` text,
	`ended_at` text,
	`wake_at` text
);
--> statement-breakpoint
CREATE INDEX `execution_workflow` ON `execution` (`workflow_id`,`id`);--> statement-breakpoint
CREATE INDEX `execution_team` ON `execution` (`team_id`,`id`);--> statement-breakpoint
CREATE INDEX `execution_open` ON `execution` (`wake_at`) WHERE ended_at is null;--> statement-breakpoint
CREATE TABLE `idempotency` (
	`team_id` text NOT NULL,
	`key` text NOT NULL,
	`route` text NOT NULL,
	`body_hash` text NOT NULL,
	`status` integer,
	`body` text,
	`created_at` text NOT NULL,
	PRIMARY KEY(`team_id`, `route`, `key`)
);
--> statement-breakpoint
CREATE TABLE `invitation` (
	`id` text PRIMARY KEY NOT NULL,
	`organization_id` text NOT NULL,
	`email` text NOT NULL,
	`role` text,
	`status` text DEFAULT 'pending' NOT NULL,
	`expires_at` integer NOT NULL,
	`created_at` integer NOT NULL,
	`inviter_id` text NOT NULL,
	FOREIGN KEY (`organization_id`) REFERENCES `organization`(`id`) ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY (`inviter_id`) REFERENCES `user`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `invitation_team` ON `invitation` (`organization_id`);--> statement-breakpoint
CREATE TABLE `ledger` (
	`id` text PRIMARY KEY NOT NULL,
	`team_id` text NOT NULL,
	`seq` integer NOT NULL,
	`run_id` text NOT NULL,
	`attempt` integer NOT NULL,
	`status` text NOT NULL,
	`source` text NOT NULL,
	`flags` text DEFAULT '[]' NOT NULL,
	`execution_type` text NOT NULL,
	`provider` text NOT NULL,
	`model` text NOT NULL,
	`input_tokens` integer NOT NULL,
	`cache_read_tokens` integer NOT NULL,
	`cache_write_tokens` integer NOT NULL,
	`output_tokens` integer NOT NULL,
	`reasoning_tokens` integer NOT NULL,
	`cost_nano_usd` integer NOT NULL,
	`priced` integer NOT NULL,
	`price_id` text,
	`prompt_id` text,
	`prompt_version` integer,
	`workflow_id` text,
	`execution_id` text,
	`node_id` text,
	`member_id` text,
	`key_id` text,
	`tags` text DEFAULT '[]' NOT NULL,
	`usage_json` text NOT NULL,
	`raw_usage` text,
	`latency_ms` integer NOT NULL,
	`created_at` text NOT NULL,
	CONSTRAINT "ledger_cost_safe" CHECK(typeof(cost_nano_usd) = 'integer' AND abs(cost_nano_usd) <= 9007199254740991)
);
--> statement-breakpoint
CREATE UNIQUE INDEX `ledger_attempt` ON `ledger` (`team_id`,`run_id`,`attempt`);--> statement-breakpoint
CREATE UNIQUE INDEX `ledger_seq` ON `ledger` (`team_id`,`seq`);--> statement-breakpoint
CREATE INDEX `ledger_newest` ON `ledger` (`team_id`,`created_at`);--> statement-breakpoint
CREATE INDEX `ledger_execution` ON `ledger` (`execution_id`);--> statement-breakpoint
CREATE TABLE `member` (
	`id` text PRIMARY KEY NOT NULL,
	`organization_id` text NOT NULL,
	`user_id` text NOT NULL,
	`role` text DEFAULT 'viewer' NOT NULL,
	`created_at` integer NOT NULL,
	FOREIGN KEY (`organization_id`) REFERENCES `organization`(`id`) ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY (`user_id`) REFERENCES `user`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE UNIQUE INDEX `member_of` ON `member` (`organization_id`,`user_id`);--> statement-breakpoint
CREATE INDEX `member_user` ON `member` (`user_id`);--> statement-breakpoint
CREATE TABLE `organization` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`slug` text NOT NULL,
	`logo` text,
	`metadata` text,
	`time_zone` text DEFAULT 'UTC' NOT NULL,
	`plan` text DEFAULT 'enterprise' NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `organization_slug_unique` ON `organization` (`slug`);--> statement-breakpoint
CREATE TABLE `output` (
	`id` text PRIMARY KEY NOT NULL,
	`team_id` text NOT NULL,
	`workflow_id` text NOT NULL,
	`execution_id` text NOT NULL,
	`node_id` text NOT NULL,
	`item_key` text DEFAULT '' NOT NULL,
	`item_index` integer,
	`value` text,
	`tags` text DEFAULT '[]' NOT NULL,
	`input_tokens` integer NOT NULL,
	`output_tokens` integer NOT NULL,
	`cost_nano_usd` integer NOT NULL,
	`duration_ms` integer NOT NULL,
	`created_at` text NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `output_once` ON `output` (`execution_id`,`node_id`,`item_key`);--> statement-breakpoint
CREATE INDEX `output_team` ON `output` (`team_id`,`id`);--> statement-breakpoint
CREATE INDEX `output_workflow` ON `output` (`workflow_id`,`id`);--> statement-breakpoint
CREATE TABLE `price_override` (
	`team_id` text NOT NULL,
	`provider` text NOT NULL,
	`model` text NOT NULL,
	`version` integer NOT NULL,
	`effective_from` text NOT NULL,
	`rates` text NOT NULL,
	`created_by` text NOT NULL,
	`created_at` text NOT NULL,
	PRIMARY KEY(`team_id`, `provider`, `model`, `version`)
);
--> statement-breakpoint
CREATE TABLE `prompt` (
	`id` text PRIMARY KEY NOT NULL,
	`team_id` text NOT NULL,
	`name` text NOT NULL,
	`description` text DEFAULT '' NOT NULL,
	`tags` text DEFAULT '[]' NOT NULL,
	`latest_version` integer NOT NULL,
	`labels` text DEFAULT '{}' NOT NULL,
	`archived_at` text,
	`created_at` text NOT NULL,
	`updated_at` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `prompt_team` ON `prompt` (`team_id`,`id`);--> statement-breakpoint
CREATE TABLE `prompt_version` (
	`prompt_id` text NOT NULL,
	`version` integer NOT NULL,
	`team_id` text NOT NULL,
	`content` text NOT NULL,
	`note` text DEFAULT '' NOT NULL,
	`author` text NOT NULL,
	`created_at` text NOT NULL,
	PRIMARY KEY(`prompt_id`, `version`)
);
--> statement-breakpoint
CREATE TABLE `provider_connection` (
	`id` text PRIMARY KEY NOT NULL,
	`team_id` text NOT NULL,
	`provider` text NOT NULL,
	`name` text DEFAULT 'default' NOT NULL,
	`sealed_key` text NOT NULL,
	`key_hint` text NOT NULL,
	`base_url` text,
	`headers` text DEFAULT '{}' NOT NULL,
	`models` text DEFAULT '[]' NOT NULL,
	`tested_at` text,
	`created_at` text NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `provider_connection_of` ON `provider_connection` (`team_id`,`provider`,`name`);--> statement-breakpoint
CREATE TABLE `rate_window` (
	`key` text PRIMARY KEY NOT NULL,
	`count` integer NOT NULL,
	`resets_at` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `rollup` (
	`team_id` text NOT NULL,
	`dimension` text NOT NULL,
	`key` text NOT NULL,
	`start` integer NOT NULL,
	`runs` integer NOT NULL,
	`input_tokens` integer NOT NULL,
	`output_tokens` integer NOT NULL,
	`cost_nano_usd` integer NOT NULL,
	PRIMARY KEY(`team_id`, `dimension`, `start`, `key`),
	CONSTRAINT "rollup_cost_safe" CHECK(typeof(cost_nano_usd) = 'integer' AND abs(cost_nano_usd) <= 9007199254740991)
);
--> statement-breakpoint
CREATE TABLE `run` (
	`id` text NOT NULL,
	`team_id` text NOT NULL,
	`status` text NOT NULL,
	`execution_type` text NOT NULL,
	`provider` text NOT NULL,
	`model` text NOT NULL,
	`attempts` integer NOT NULL,
	`input_tokens` integer NOT NULL,
	`output_tokens` integer NOT NULL,
	`cost_nano_usd` integer NOT NULL,
	`latency_ms` integer NOT NULL,
	`error` text,
	`prompt_id` text,
	`prompt_version` integer,
	`workflow_id` text,
	`execution_id` text,
	`node_id` text,
	`member_id` text,
	`key_id` text,
	`tags` text DEFAULT '[]' NOT NULL,
	`last_seq` integer NOT NULL,
	`created_at` text NOT NULL,
	PRIMARY KEY(`team_id`, `id`)
);
--> statement-breakpoint
CREATE INDEX `run_newest` ON `run` (`team_id`,`created_at`);--> statement-breakpoint
CREATE INDEX `run_prompt` ON `run` (`prompt_id`,`created_at`);--> statement-breakpoint
CREATE TABLE `session` (
	`id` text PRIMARY KEY NOT NULL,
	`expires_at` integer NOT NULL,
	`token` text NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`ip_address` text,
	`user_agent` text,
	`user_id` text NOT NULL,
	`active_organization_id` text,
	FOREIGN KEY (`user_id`) REFERENCES `user`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE UNIQUE INDEX `session_token_unique` ON `session` (`token`);--> statement-breakpoint
CREATE INDEX `session_user` ON `session` (`user_id`);--> statement-breakpoint
CREATE TABLE `team_secret` (
	`team_id` text PRIMARY KEY NOT NULL,
	`wrapped_key` text NOT NULL,
	`created_at` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `user` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`email` text NOT NULL,
	`email_verified` integer DEFAULT false NOT NULL,
	`image` text,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `user_email_unique` ON `user` (`email`);--> statement-breakpoint
CREATE TABLE `verification` (
	`id` text PRIMARY KEY NOT NULL,
	`identifier` text NOT NULL,
	`value` text NOT NULL,
	`expires_at` integer NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `verification_identifier` ON `verification` (`identifier`);--> statement-breakpoint
CREATE TABLE `workflow` (
	`id` text PRIMARY KEY NOT NULL,
	`team_id` text NOT NULL,
	`name` text NOT NULL,
	`description` text DEFAULT '' NOT NULL,
	`draft` text NOT NULL,
	`draft_revision` integer NOT NULL,
	`published_version` integer,
	`active` integer DEFAULT true NOT NULL,
	`created_at` text NOT NULL,
	`updated_at` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `workflow_team` ON `workflow` (`team_id`,`id`);--> statement-breakpoint
CREATE TABLE `workflow_version` (
	`workflow_id` text NOT NULL,
	`version` integer NOT NULL,
	`team_id` text NOT NULL,
	`definition_hash` text NOT NULL,
	`note` text DEFAULT '' NOT NULL,
	`author` text NOT NULL,
	`created_at` text NOT NULL,
	PRIMARY KEY(`workflow_id`, `version`)
);
