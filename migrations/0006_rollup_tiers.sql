-- What drizzle does not know: the coarser rollups follow the quarters of an hour by triggers, and what stood before is brought up to date.
INSERT INTO rollup_hour (team_id, dimension, key, start, runs, input_tokens, output_tokens, cost_nano_usd)
SELECT team_id, dimension, key, start / 3600 * 3600, sum(runs), sum(input_tokens), sum(output_tokens), sum(cost_nano_usd)
FROM rollup GROUP BY 1, 2, 3, 4;
--> statement-breakpoint
INSERT INTO rollup_day (team_id, dimension, key, start, runs, input_tokens, output_tokens, cost_nano_usd)
SELECT team_id, dimension, key, start / 86400 * 86400, sum(runs), sum(input_tokens), sum(output_tokens), sum(cost_nano_usd)
FROM rollup GROUP BY 1, 2, 3, 4;
--> statement-breakpoint
CREATE TRIGGER rollup_inserted AFTER INSERT ON rollup BEGIN
  INSERT INTO rollup_hour (team_id, dimension, key, start, runs, input_tokens, output_tokens, cost_nano_usd)
  VALUES (NEW.team_id, NEW.dimension, NEW.key, NEW.start / 3600 * 3600, NEW.runs, NEW.input_tokens, NEW.output_tokens, NEW.cost_nano_usd)
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
  UPDATE rollup_day SET runs = runs - OLD.runs, input_tokens = input_tokens - OLD.input_tokens, output_tokens = output_tokens - OLD.output_tokens, cost_nano_usd = cost_nano_usd - OLD.cost_nano_usd
  WHERE team_id = OLD.team_id AND dimension = OLD.dimension AND key = OLD.key AND start = OLD.start / 86400 * 86400;
  DELETE FROM rollup_day WHERE team_id = OLD.team_id AND dimension = OLD.dimension AND key = OLD.key AND start = OLD.start / 86400 * 86400
    AND NOT EXISTS (SELECT 1 FROM rollup AS r WHERE r.team_id = OLD.team_id AND r.dimension = OLD.dimension AND r.key = OLD.key
      AND r.start >= OLD.start / 86400 * 86400 AND r.start < OLD.start / 86400 * 86400 + 86400);
END;
--> statement-breakpoint
INSERT INTO rollup (team_id, dimension, key, start, runs, input_tokens, output_tokens, cost_nano_usd)
SELECT team_id, 'provider_model', provider || '/' || model, unixepoch(created_at) / 900 * 900,
  sum(execution_type <> 'adjustment'), sum(input_tokens), sum(output_tokens), sum(cost_nano_usd)
FROM ledger GROUP BY 1, 2, 3, 4;
