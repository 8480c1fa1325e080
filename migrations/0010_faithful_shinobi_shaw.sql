CREATE TABLE `unbooked` (
	`team_id` text NOT NULL,
	`run_id` text NOT NULL,
	`attempt` integer NOT NULL,
	`settlement` text NOT NULL,
	`created_at` text NOT NULL,
	PRIMARY KEY(`team_id`, `run_id`, `attempt`)
);
--> statement-breakpoint
ALTER TABLE `organization` ADD `ledger_retention_days` integer;--> statement-breakpoint
ALTER TABLE `organization` ADD `on_budget_unavailable` text DEFAULT 'refuse' NOT NULL;