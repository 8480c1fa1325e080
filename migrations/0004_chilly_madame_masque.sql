CREATE TABLE `delivery` (
	`id` text PRIMARY KEY NOT NULL,
	`team_id` text NOT NULL,
	`notice_id` text NOT NULL,
	`channel_id` text NOT NULL,
	`status` text NOT NULL,
	`tries` integer NOT NULL,
	`round_tries` integer NOT NULL,
	`next_try_at` text,
	`lease` text,
	`created_at` text NOT NULL,
	`ended_at` text
);
--> statement-breakpoint
CREATE UNIQUE INDEX `delivery_once` ON `delivery` (`notice_id`,`channel_id`);--> statement-breakpoint
CREATE INDEX `delivery_channel` ON `delivery` (`team_id`,`channel_id`,`id`);--> statement-breakpoint
CREATE INDEX `delivery_due` ON `delivery` (`next_try_at`) WHERE next_try_at is not null;--> statement-breakpoint
CREATE TABLE `delivery_try` (
	`delivery_id` text NOT NULL,
	`number` integer NOT NULL,
	`at` text NOT NULL,
	`ok` integer,
	`code` integer,
	`text` text,
	`ms` integer,
	PRIMARY KEY(`delivery_id`, `number`)
);
--> statement-breakpoint
CREATE TABLE `notice` (
	`id` text PRIMARY KEY NOT NULL,
	`team_id` text NOT NULL,
	`kind` text NOT NULL,
	`level` text NOT NULL,
	`title` text NOT NULL,
	`text` text NOT NULL,
	`link` text,
	`data` text NOT NULL,
	`at` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `notice_team` ON `notice` (`team_id`,`id`);--> statement-breakpoint
CREATE TABLE `notification_channel` (
	`team_id` text NOT NULL,
	`id` text NOT NULL,
	`type` text NOT NULL,
	`name` text NOT NULL,
	`enabled` integer NOT NULL,
	`levels` text NOT NULL,
	`events` text NOT NULL,
	`recipients` text NOT NULL,
	`url` text,
	`url_hint` text,
	`sealed` text,
	`created_at` text NOT NULL,
	`updated_at` text NOT NULL,
	PRIMARY KEY(`team_id`, `id`)
);
