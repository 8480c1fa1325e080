CREATE TABLE `rollup_six_hours` (
	`team_id` text NOT NULL,
	`dimension` text NOT NULL,
	`key` text NOT NULL,
	`start` integer NOT NULL,
	`runs` integer NOT NULL,
	`input_tokens` integer NOT NULL,
	`output_tokens` integer NOT NULL,
	`cost_nano_usd` integer NOT NULL,
	PRIMARY KEY(`team_id`, `dimension`, `start`, `key`),
	CONSTRAINT "rollup_six_hours_cost_safe" CHECK(typeof(cost_nano_usd) = 'integer' AND abs(cost_nano_usd) <= 9007199254740991)
);
--> statement-breakpoint
DROP INDEX `rollup_day_key`;