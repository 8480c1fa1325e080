ALTER TABLE `execution` ADD `questions` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
CREATE INDEX `execution_questions` ON `execution` (`team_id`,`id`) WHERE questions > 0;--> statement-breakpoint
UPDATE `execution` SET `questions` = 1 WHERE `status` = 'needs_review';
