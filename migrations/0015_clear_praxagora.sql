CREATE TABLE `dead_letter` (
	`id` text PRIMARY KEY NOT NULL,
	`team_id` text,
	`kind` text NOT NULL,
	`subject` text NOT NULL,
	`workflow_id` text,
	`reason` text NOT NULL,
	`message` text NOT NULL,
	`payload` text,
	`payload_key` text,
	`attempts` integer NOT NULL,
	`status` text NOT NULL,
	`execution_id` text,
	`created_at` text NOT NULL,
	`last_at` text NOT NULL,
	`ended_at` text
);
--> statement-breakpoint
CREATE INDEX `dead_letter_team` ON `dead_letter` (`team_id`,`id`);--> statement-breakpoint
CREATE UNIQUE INDEX `dead_letter_open` ON `dead_letter` (`kind`,`subject`) WHERE status = 'open';--> statement-breakpoint
CREATE TABLE `ended_run` (
	`execution_id` text NOT NULL,
	`ended_at` text NOT NULL,
	PRIMARY KEY(`execution_id`, `ended_at`)
);
--> statement-breakpoint
CREATE TABLE `schedule` (
	`id` text PRIMARY KEY NOT NULL,
	`team_id` text NOT NULL,
	`workflow_id` text NOT NULL,
	`node_id` text NOT NULL,
	`cron` text NOT NULL,
	`time_zone` text NOT NULL,
	`misfire` text NOT NULL,
	`max_catch_up` integer NOT NULL,
	`overlap` text NOT NULL,
	`next_fire_at` text NOT NULL,
	`created_at` text NOT NULL,
	`updated_at` text NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `schedule_node` ON `schedule` (`workflow_id`,`node_id`);--> statement-breakpoint
CREATE INDEX `schedule_due` ON `schedule` (`next_fire_at`);--> statement-breakpoint
CREATE INDEX `schedule_team` ON `schedule` (`team_id`,`id`);--> statement-breakpoint
CREATE TABLE `schedule_fire` (
	`schedule_id` text NOT NULL,
	`fire_at` text NOT NULL,
	`team_id` text NOT NULL,
	`workflow_id` text NOT NULL,
	`status` text NOT NULL,
	`execution_id` text NOT NULL,
	`note` text,
	`attempts` integer DEFAULT 0 NOT NULL,
	`created_at` text NOT NULL,
	PRIMARY KEY(`schedule_id`, `fire_at`)
);
--> statement-breakpoint
CREATE INDEX `schedule_fire_open` ON `schedule_fire` (`status`,`schedule_id`,`fire_at`) WHERE status in ('due', 'waiting', 'started');--> statement-breakpoint
CREATE TABLE `webhook` (
	`workflow_id` text PRIMARY KEY NOT NULL,
	`team_id` text NOT NULL,
	`token_hash` text NOT NULL,
	`sealed` text NOT NULL,
	`signed` integer NOT NULL,
	`created_at` text NOT NULL,
	`rotated_at` text
);
--> statement-breakpoint
CREATE UNIQUE INDEX `webhook_token_hash_unique` ON `webhook` (`token_hash`);--> statement-breakpoint
CREATE TABLE `webhook_delivery` (
	`workflow_id` text NOT NULL,
	`event_key` text NOT NULL,
	`execution_id` text NOT NULL,
	`received_at` text NOT NULL,
	`expires_at` text NOT NULL,
	PRIMARY KEY(`workflow_id`, `event_key`)
);
--> statement-breakpoint
CREATE INDEX `webhook_delivery_expiry` ON `webhook_delivery` (`expires_at`);--> statement-breakpoint
CREATE TABLE `workflow_alert` (
	`workflow_id` text PRIMARY KEY NOT NULL,
	`team_id` text NOT NULL,
	`on_failure` integer NOT NULL,
	`slow_ms` integer,
	`cost_percent` integer,
	`updated_at` text NOT NULL
);
--> statement-breakpoint
ALTER TABLE `execution` ADD `engine_ms` integer;--> statement-breakpoint
CREATE INDEX `execution_ended` ON `execution` (`ended_at`) WHERE ended_at is not null;