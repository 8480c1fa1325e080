CREATE TABLE `invoice` (
	`id` text PRIMARY KEY NOT NULL,
	`team_id` text NOT NULL,
	`name` text NOT NULL,
	`provider` text NOT NULL,
	`format` text NOT NULL,
	`time_zone` text NOT NULL,
	`by` text NOT NULL,
	`currency` text NOT NULL,
	`rates` text DEFAULT '{}' NOT NULL,
	`decimals` integer NOT NULL,
	`rows` integer NOT NULL,
	`left_out_rows` integer NOT NULL,
	`total_nano_usd` integer NOT NULL,
	`first_day` text NOT NULL,
	`last_day` text NOT NULL,
	`created_by` text NOT NULL,
	`created_at` text NOT NULL,
	CONSTRAINT "invoice_total_safe" CHECK(typeof(total_nano_usd) = 'integer' AND abs(total_nano_usd) <= 9007199254740991)
);
--> statement-breakpoint
CREATE INDEX `invoice_team` ON `invoice` (`team_id`,`id`);--> statement-breakpoint
CREATE TABLE `invoice_line` (
	`invoice_id` text NOT NULL,
	`day` text NOT NULL,
	`model` text NOT NULL,
	`cost_nano_usd` integer NOT NULL,
	`rows` integer NOT NULL,
	PRIMARY KEY(`invoice_id`, `day`, `model`),
	FOREIGN KEY (`invoice_id`) REFERENCES `invoice`(`id`) ON UPDATE no action ON DELETE cascade,
	CONSTRAINT "invoice_line_cost_safe" CHECK(typeof(cost_nano_usd) = 'integer' AND abs(cost_nano_usd) <= 9007199254740991)
);
