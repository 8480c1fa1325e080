ALTER TABLE `provider_connection` ADD `sealed_headers` text;--> statement-breakpoint
ALTER TABLE `provider_connection` ADD `header_names` text DEFAULT '[]' NOT NULL;--> statement-breakpoint
ALTER TABLE `provider_connection` ADD `options` text DEFAULT '{}' NOT NULL;--> statement-breakpoint
ALTER TABLE `provider_connection` ADD `free_since` text;--> statement-breakpoint
ALTER TABLE `provider_connection` ADD `failure` text;