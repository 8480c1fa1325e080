CREATE TABLE `team_group` (
	`id` text PRIMARY KEY NOT NULL,
	`team_id` text NOT NULL,
	`name` text NOT NULL,
	`created_at` text NOT NULL,
	`deleted_at` text
);
--> statement-breakpoint
CREATE UNIQUE INDEX `team_group_name` ON `team_group` (`team_id`,`name`) WHERE deleted_at is null;--> statement-breakpoint
CREATE TABLE `team_group_member` (
	`group_id` text NOT NULL,
	`member_id` text NOT NULL,
	PRIMARY KEY(`member_id`, `group_id`),
	FOREIGN KEY (`group_id`) REFERENCES `team_group`(`id`) ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY (`member_id`) REFERENCES `member`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `team_group_member_of` ON `team_group_member` (`group_id`);--> statement-breakpoint
ALTER TABLE `api_key` ADD `group_id` text;--> statement-breakpoint
ALTER TABLE `execution` ADD `group_ids` text DEFAULT '[]' NOT NULL;--> statement-breakpoint
ALTER TABLE `ledger` ADD `group_ids` text DEFAULT '[]' NOT NULL;--> statement-breakpoint
ALTER TABLE `run` ADD `group_ids` text DEFAULT '[]' NOT NULL;