CREATE TABLE `rollup_day` (
	`team_id` text NOT NULL,
	`dimension` text NOT NULL,
	`key` text NOT NULL,
	`start` integer NOT NULL,
	`runs` integer NOT NULL,
	`input_tokens` integer NOT NULL,
	`output_tokens` integer NOT NULL,
	`cost_nano_usd` integer NOT NULL,
	PRIMARY KEY(`team_id`, `dimension`, `start`, `key`),
	CONSTRAINT "rollup_day_cost_safe" CHECK(typeof(cost_nano_usd) = 'integer' AND abs(cost_nano_usd) <= 9007199254740991)
);
--> statement-breakpoint
CREATE INDEX `rollup_day_key` ON `rollup_day` (`team_id`,`dimension`,`key`,`start`);--> statement-breakpoint
CREATE TABLE `rollup_hour` (
	`team_id` text NOT NULL,
	`dimension` text NOT NULL,
	`key` text NOT NULL,
	`start` integer NOT NULL,
	`runs` integer NOT NULL,
	`input_tokens` integer NOT NULL,
	`output_tokens` integer NOT NULL,
	`cost_nano_usd` integer NOT NULL,
	PRIMARY KEY(`team_id`, `dimension`, `start`, `key`),
	CONSTRAINT "rollup_hour_cost_safe" CHECK(typeof(cost_nano_usd) = 'integer' AND abs(cost_nano_usd) <= 9007199254740991)
);
--> statement-breakpoint
CREATE INDEX `rollup_hour_key` ON `rollup_hour` (`team_id`,`dimension`,`key`,`start`);--> statement-breakpoint
CREATE INDEX `ledger_unusual` ON `ledger` (`team_id`,`status`,`created_at`) WHERE status <> 'succeeded';--> statement-breakpoint
CREATE INDEX `run_model` ON `run` (`team_id`,`model`,`created_at`);--> statement-breakpoint
CREATE INDEX `run_workflow` ON `run` (`workflow_id`,`created_at`) WHERE workflow_id IS NOT NULL;--> statement-breakpoint
CREATE INDEX `run_execution` ON `run` (`execution_id`,`created_at`) WHERE execution_id IS NOT NULL;--> statement-breakpoint
CREATE INDEX `run_unusual` ON `run` (`team_id`,`status`,`created_at`) WHERE status <> 'succeeded';