ALTER TABLE `execution` ADD `details_removed_at` text;--> statement-breakpoint
CREATE INDEX `execution_retained` ON `execution` (`team_id`,`ended_at`) WHERE archived_at is not null and details_removed_at is null;--> statement-breakpoint
ALTER TABLE `organization` ADD `execution_retention_days` integer;