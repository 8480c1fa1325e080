ALTER TABLE `execution` ADD `max_concurrent` integer;--> statement-breakpoint
ALTER TABLE `execution` ADD `slot_until` text;--> statement-breakpoint
ALTER TABLE `execution` ADD `parent_execution_id` text;--> statement-breakpoint
ALTER TABLE `execution` ADD `parent_key` text;--> statement-breakpoint
ALTER TABLE `execution` ADD `depth` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `execution` ADD `pins` text;--> statement-breakpoint
ALTER TABLE `execution` ADD `replay_of` text;--> statement-breakpoint
ALTER TABLE `execution` ADD `from_node_id` text;--> statement-breakpoint
ALTER TABLE `execution` ADD `archived_at` text;--> statement-breakpoint
CREATE INDEX `execution_line` ON `execution` (`workflow_id`) WHERE ended_at is null and max_concurrent is not null;--> statement-breakpoint
CREATE INDEX `execution_slots` ON `execution` (`workflow_id`) WHERE slot_until is not null;--> statement-breakpoint
CREATE UNIQUE INDEX `execution_child` ON `execution` (`parent_execution_id`,`parent_key`) WHERE parent_execution_id is not null;--> statement-breakpoint
CREATE INDEX `execution_archive` ON `execution` (`ended_at`) WHERE ended_at is not null and archived_at is null;