CREATE TABLE `ledger_checkpoint` (
	`team_id` text PRIMARY KEY NOT NULL,
	`seq` integer DEFAULT 0 NOT NULL,
	`cost_nano_usd` integer DEFAULT 0 NOT NULL,
	`rows` integer DEFAULT 0 NOT NULL,
	`verified_at` text,
	`next_seq` integer,
	`next_cost_nano_usd` integer DEFAULT 0 NOT NULL,
	`next_rows` integer DEFAULT 0 NOT NULL,
	`carried_cost_nano_usd` integer DEFAULT 0 NOT NULL,
	`carried_rows` integer DEFAULT 0 NOT NULL,
	`carried_before` text,
	CONSTRAINT "ledger_checkpoint_cost_safe" CHECK(typeof(cost_nano_usd) = 'integer' AND abs(cost_nano_usd) <= 9007199254740991)
);
