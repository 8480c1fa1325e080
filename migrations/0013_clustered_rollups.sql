-- What drizzle does not know: rollups are kept in the order of their primary key, so that a dashboard reads one stretch of the file per question and
-- a write touches one tree; the coarser ones follow the quarters of an hour by triggers.
DROP TRIGGER rollup_inserted;
--> statement-breakpoint
DROP TRIGGER rollup_updated;
--> statement-breakpoint
DROP TRIGGER rollup_deleted;
--> statement-breakpoint
CREATE TABLE rollup_new (
  team_id text NOT NULL,
  dimension text NOT NULL,
  key text NOT NULL,
  start integer NOT NULL,
  runs integer NOT NULL,
  input_tokens integer NOT NULL,
  output_tokens integer NOT NULL,
  cost_nano_usd integer NOT NULL,
  PRIMARY KEY (team_id, dimension, start, key),
  CONSTRAINT "rollup_cost_safe" CHECK(typeof(cost_nano_usd) = 'integer' AND abs(cost_nano_usd) <= 9007199254740991)
) WITHOUT ROWID;
--> statement-breakpoint
INSERT INTO rollup_new (team_id, dimension, key, start, runs, input_tokens, output_tokens, cost_nano_usd) SELECT team_id, dimension, key, start, runs, input_tokens, output_tokens, cost_nano_usd FROM rollup ORDER BY team_id, dimension, start, key;
--> statement-breakpoint
DROP TABLE rollup;
--> statement-breakpoint
ALTER TABLE rollup_new RENAME TO rollup;
--> statement-breakpoint
CREATE TABLE rollup_hour_new (
  team_id text NOT NULL,
  dimension text NOT NULL,
  key text NOT NULL,
  start integer NOT NULL,
  runs integer NOT NULL,
  input_tokens integer NOT NULL,
  output_tokens integer NOT NULL,
  cost_nano_usd integer NOT NULL,
  PRIMARY KEY (team_id, dimension, start, key),
  CONSTRAINT "rollup_hour_cost_safe" CHECK(typeof(cost_nano_usd) = 'integer' AND abs(cost_nano_usd) <= 9007199254740991)
) WITHOUT ROWID;
--> statement-breakpoint
INSERT INTO rollup_hour_new (team_id, dimension, key, start, runs, input_tokens, output_tokens, cost_nano_usd) SELECT team_id, dimension, key, start, runs, input_tokens, output_tokens, cost_nano_usd FROM rollup_hour ORDER BY team_id, dimension, start, key;
--> statement-breakpoint
DROP TABLE rollup_hour;
--> statement-breakpoint
ALTER TABLE rollup_hour_new RENAME TO rollup_hour;
--> statement-breakpoint
CREATE INDEX rollup_hour_key ON rollup_hour (team_id, dimension, key, start);
--> statement-breakpoint
CREATE TABLE rollup_six_hours_new (
  team_id text NOT NULL,
  dimension text NOT NULL,
  key text NOT NULL,
  start integer NOT NULL,
  runs integer NOT NULL,
  input_tokens integer NOT NULL,
  output_tokens integer NOT NULL,
  cost_nano_usd integer NOT NULL,
  PRIMARY KEY (team_id, dimension, start, key),
  CONSTRAINT "rollup_six_hours_cost_safe" CHECK(typeof(cost_nano_usd) = 'integer' AND abs(cost_nano_usd) <= 9007199254740991)
) WITHOUT ROWID;
--> statement-breakpoint
INSERT INTO rollup_six_hours_new (team_id, dimension, key, start, runs, input_tokens, output_tokens, cost_nano_usd)
SELECT team_id, dimension, key, start / 21600 * 21600, sum(runs), sum(input_tokens), sum(output_tokens), sum(cost_nano_usd)
FROM rollup_hour GROUP BY team_id, dimension, start / 21600, key;
--> statement-breakpoint
DROP TABLE rollup_six_hours;
--> statement-breakpoint
ALTER TABLE rollup_six_hours_new RENAME TO rollup_six_hours;
--> statement-breakpoint
CREATE TABLE rollup_day_new (
  team_id text NOT NULL,
  dimension text NOT NULL,
  key text NOT NULL,
  start integer NOT NULL,
  runs integer NOT NULL,
  input_tokens integer NOT NULL,
  output_tokens integer NOT NULL,
  cost_nano_usd integer NOT NULL,
  PRIMARY KEY (team_id, dimension, start, key),
  CONSTRAINT "rollup_day_cost_safe" CHECK(typeof(cost_nano_usd) = 'integer' AND abs(cost_nano_usd) <= 9007199254740991)
) WITHOUT ROWID;
--> statement-breakpoint
INSERT INTO rollup_day_new (team_id, dimension, key, start, runs, input_tokens, output_tokens, cost_nano_usd) SELECT team_id, dimension, key, start, runs, input_tokens, output_tokens, cost_nano_usd FROM rollup_day ORDER BY team_id, dimension, start, key;
--> statement-breakpoint
DROP TABLE rollup_day;
--> statement-breakpoint
ALTER TABLE rollup_day_new RENAME TO rollup_day;
--> statement-breakpoint
CREATE TRIGGER rollup_inserted AFTER INSERT ON rollup BEGIN
  INSERT INTO rollup_hour (team_id, dimension, key, start, runs, input_tokens, output_tokens, cost_nano_usd)
  VALUES (NEW.team_id, NEW.dimension, NEW.key, NEW.start / 3600 * 3600, NEW.runs, NEW.input_tokens, NEW.output_tokens, NEW.cost_nano_usd)
  ON CONFLICT (team_id, dimension, start, key) DO UPDATE SET
    runs = runs + excluded.runs,
    input_tokens = input_tokens + excluded.input_tokens,
    output_tokens = output_tokens + excluded.output_tokens,
    cost_nano_usd = cost_nano_usd + excluded.cost_nano_usd;
  INSERT INTO rollup_six_hours (team_id, dimension, key, start, runs, input_tokens, output_tokens, cost_nano_usd)
  VALUES (NEW.team_id, NEW.dimension, NEW.key, NEW.start / 21600 * 21600, NEW.runs, NEW.input_tokens, NEW.output_tokens, NEW.cost_nano_usd)
  ON CONFLICT (team_id, dimension, start, key) DO UPDATE SET
    runs = runs + excluded.runs,
    input_tokens = input_tokens + excluded.input_tokens,
    output_tokens = output_tokens + excluded.output_tokens,
    cost_nano_usd = cost_nano_usd + excluded.cost_nano_usd;
  INSERT INTO rollup_day (team_id, dimension, key, start, runs, input_tokens, output_tokens, cost_nano_usd)
  VALUES (NEW.team_id, NEW.dimension, NEW.key, NEW.start / 86400 * 86400, NEW.runs, NEW.input_tokens, NEW.output_tokens, NEW.cost_nano_usd)
  ON CONFLICT (team_id, dimension, start, key) DO UPDATE SET
    runs = runs + excluded.runs,
    input_tokens = input_tokens + excluded.input_tokens,
    output_tokens = output_tokens + excluded.output_tokens,
    cost_nano_usd = cost_nano_usd + excluded.cost_nano_usd;
END;
--> statement-breakpoint
CREATE TRIGGER rollup_updated AFTER UPDATE ON rollup BEGIN
  UPDATE rollup_hour SET runs = runs + NEW.runs - OLD.runs, input_tokens = input_tokens + NEW.input_tokens - OLD.input_tokens, output_tokens = output_tokens + NEW.output_tokens - OLD.output_tokens, cost_nano_usd = cost_nano_usd + NEW.cost_nano_usd - OLD.cost_nano_usd
  WHERE team_id = OLD.team_id AND dimension = OLD.dimension AND key = OLD.key AND start = OLD.start / 3600 * 3600;
  UPDATE rollup_six_hours SET runs = runs + NEW.runs - OLD.runs, input_tokens = input_tokens + NEW.input_tokens - OLD.input_tokens, output_tokens = output_tokens + NEW.output_tokens - OLD.output_tokens, cost_nano_usd = cost_nano_usd + NEW.cost_nano_usd - OLD.cost_nano_usd
  WHERE team_id = OLD.team_id AND dimension = OLD.dimension AND key = OLD.key AND start = OLD.start / 21600 * 21600;
  UPDATE rollup_day SET runs = runs + NEW.runs - OLD.runs, input_tokens = input_tokens + NEW.input_tokens - OLD.input_tokens, output_tokens = output_tokens + NEW.output_tokens - OLD.output_tokens, cost_nano_usd = cost_nano_usd + NEW.cost_nano_usd - OLD.cost_nano_usd
  WHERE team_id = OLD.team_id AND dimension = OLD.dimension AND key = OLD.key AND start = OLD.start / 86400 * 86400;
END;
--> statement-breakpoint
CREATE TRIGGER rollup_deleted AFTER DELETE ON rollup BEGIN
  UPDATE rollup_hour SET runs = runs - OLD.runs, input_tokens = input_tokens - OLD.input_tokens, output_tokens = output_tokens - OLD.output_tokens, cost_nano_usd = cost_nano_usd - OLD.cost_nano_usd
  WHERE team_id = OLD.team_id AND dimension = OLD.dimension AND key = OLD.key AND start = OLD.start / 3600 * 3600;
  DELETE FROM rollup_hour WHERE team_id = OLD.team_id AND dimension = OLD.dimension AND key = OLD.key AND start = OLD.start / 3600 * 3600
    AND NOT EXISTS (SELECT 1 FROM rollup AS r WHERE r.team_id = OLD.team_id AND r.dimension = OLD.dimension AND r.key = OLD.key
      AND r.start >= OLD.start / 3600 * 3600 AND r.start < OLD.start / 3600 * 3600 + 3600);
  UPDATE rollup_six_hours SET runs = runs - OLD.runs, input_tokens = input_tokens - OLD.input_tokens, output_tokens = output_tokens - OLD.output_tokens, cost_nano_usd = cost_nano_usd - OLD.cost_nano_usd
  WHERE team_id = OLD.team_id AND dimension = OLD.dimension AND key = OLD.key AND start = OLD.start / 21600 * 21600;
  DELETE FROM rollup_six_hours WHERE team_id = OLD.team_id AND dimension = OLD.dimension AND key = OLD.key AND start = OLD.start / 21600 * 21600
    AND NOT EXISTS (SELECT 1 FROM rollup AS r WHERE r.team_id = OLD.team_id AND r.dimension = OLD.dimension AND r.key = OLD.key
      AND r.start >= OLD.start / 21600 * 21600 AND r.start < OLD.start / 21600 * 21600 + 21600);
  UPDATE rollup_day SET runs = runs - OLD.runs, input_tokens = input_tokens - OLD.input_tokens, output_tokens = output_tokens - OLD.output_tokens, cost_nano_usd = cost_nano_usd - OLD.cost_nano_usd
  WHERE team_id = OLD.team_id AND dimension = OLD.dimension AND key = OLD.key AND start = OLD.start / 86400 * 86400;
  DELETE FROM rollup_day WHERE team_id = OLD.team_id AND dimension = OLD.dimension AND key = OLD.key AND start = OLD.start / 86400 * 86400
    AND NOT EXISTS (SELECT 1 FROM rollup AS r WHERE r.team_id = OLD.team_id AND r.dimension = OLD.dimension AND r.key = OLD.key
      AND r.start >= OLD.start / 86400 * 86400 AND r.start < OLD.start / 86400 * 86400 + 86400);
END;
