CREATE TABLE `model_route` (
	`id` text PRIMARY KEY NOT NULL,
	`team_id` text NOT NULL,
	`name` text NOT NULL,
	`strategy` text NOT NULL,
	`targets` text NOT NULL,
	`retry` text NOT NULL,
	`created_at` text NOT NULL,
	`updated_at` text NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `model_route_name` ON `model_route` (`team_id`,`name`);--> statement-breakpoint
ALTER TABLE `run` ADD `failed_attempts` text;