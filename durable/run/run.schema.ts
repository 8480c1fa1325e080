/** The tables of one run's object (docs/state.md says what stands in them). */
export const VERSIONS = [
  `CREATE TABLE run (
     id INTEGER PRIMARY KEY CHECK (id = 1), run_order TEXT NOT NULL, state TEXT NOT NULL,
     input_tokens INTEGER NOT NULL DEFAULT 0, output_tokens INTEGER NOT NULL DEFAULT 0, cost_nano_usd INTEGER NOT NULL DEFAULT 0,
     recorded INTEGER NOT NULL DEFAULT 0
   ) STRICT;
   CREATE TABLE frame (
     key TEXT PRIMARY KEY, scope TEXT NOT NULL, parent TEXT, path TEXT NOT NULL, item INTEGER NOT NULL,
     status TEXT NOT NULL, result_node TEXT, error TEXT
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX frame_of ON frame (parent, scope, item);
   CREATE INDEX frame_open ON frame (parent, scope) WHERE status = 'running';
   CREATE TABLE node (
     frame TEXT NOT NULL, node TEXT NOT NULL, item INTEGER NOT NULL, status TEXT NOT NULL, attempts INTEGER NOT NULL, token TEXT,
     due_ms INTEGER, handle TEXT, started_ms INTEGER, ended_ms INTEGER, error TEXT, output TEXT,
     input_tokens INTEGER NOT NULL DEFAULT 0, output_tokens INTEGER NOT NULL DEFAULT 0, cost_nano_usd INTEGER NOT NULL DEFAULT 0,
     PRIMARY KEY (frame, node)
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX node_going ON node (status) WHERE status IN ('queued', 'running', 'waiting');
   CREATE INDEX node_due ON node (due_ms) WHERE due_ms IS NOT NULL;
   CREATE TABLE map (
     frame TEXT NOT NULL, node TEXT NOT NULL, total INTEGER NOT NULL, next INTEGER NOT NULL, active INTEGER NOT NULL,
     concurrency INTEGER NOT NULL, on_item_error TEXT NOT NULL, in_doubt INTEGER NOT NULL, PRIMARY KEY (frame, node)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE item (frame TEXT NOT NULL, node TEXT NOT NULL, first INTEGER NOT NULL, items TEXT NOT NULL, PRIMARY KEY (frame, node, first)) STRICT, WITHOUT ROWID;
   CREATE TABLE part (frame TEXT NOT NULL, node TEXT NOT NULL, part INTEGER NOT NULL, text TEXT NOT NULL, PRIMARY KEY (frame, node, part)) STRICT;
   CREATE TABLE outbox (seq INTEGER PRIMARY KEY AUTOINCREMENT, output TEXT NOT NULL) STRICT;`,
  `ALTER TABLE node ADD COLUMN wait TEXT;
   ALTER TABLE map DROP COLUMN in_doubt;
   CREATE INDEX frame_doubt ON frame (parent, scope) WHERE status = 'needs_review';`,
  `CREATE INDEX node_in_doubt ON node (status) WHERE status = 'needs_review';`,
  `ALTER TABLE node ADD COLUMN ref TEXT;`,
];

/** What all of VERSIONS make, in one go: a new object need not go through its ancestors' lives. A test holds the two together. */
export const NEWEST = `
CREATE TABLE run (
  id INTEGER PRIMARY KEY CHECK (id = 1), run_order TEXT NOT NULL, state TEXT NOT NULL,
  input_tokens INTEGER NOT NULL DEFAULT 0, output_tokens INTEGER NOT NULL DEFAULT 0, cost_nano_usd INTEGER NOT NULL DEFAULT 0,
  recorded INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE frame (
  key TEXT PRIMARY KEY, scope TEXT NOT NULL, parent TEXT, path TEXT NOT NULL, item INTEGER NOT NULL,
  status TEXT NOT NULL, result_node TEXT, error TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX frame_of ON frame (parent, scope, item);
CREATE INDEX frame_open ON frame (parent, scope) WHERE status = 'running';
CREATE INDEX frame_doubt ON frame (parent, scope) WHERE status = 'needs_review';
CREATE TABLE node (
  frame TEXT NOT NULL, node TEXT NOT NULL, item INTEGER NOT NULL, status TEXT NOT NULL, attempts INTEGER NOT NULL, token TEXT,
  due_ms INTEGER, handle TEXT, started_ms INTEGER, ended_ms INTEGER, error TEXT, output TEXT,
  input_tokens INTEGER NOT NULL DEFAULT 0, output_tokens INTEGER NOT NULL DEFAULT 0, cost_nano_usd INTEGER NOT NULL DEFAULT 0,
  wait TEXT, ref TEXT, PRIMARY KEY (frame, node)
) STRICT, WITHOUT ROWID;
CREATE INDEX node_going ON node (status) WHERE status IN ('queued', 'running', 'waiting');
CREATE INDEX node_due ON node (due_ms) WHERE due_ms IS NOT NULL;
CREATE INDEX node_in_doubt ON node (status) WHERE status = 'needs_review';
CREATE TABLE map (
  frame TEXT NOT NULL, node TEXT NOT NULL, total INTEGER NOT NULL, next INTEGER NOT NULL, active INTEGER NOT NULL,
  concurrency INTEGER NOT NULL, on_item_error TEXT NOT NULL, PRIMARY KEY (frame, node)
) STRICT, WITHOUT ROWID;
CREATE TABLE item (frame TEXT NOT NULL, node TEXT NOT NULL, first INTEGER NOT NULL, items TEXT NOT NULL, PRIMARY KEY (frame, node, first)) STRICT, WITHOUT ROWID;
CREATE TABLE part (frame TEXT NOT NULL, node TEXT NOT NULL, part INTEGER NOT NULL, text TEXT NOT NULL, PRIMARY KEY (frame, node, part)) STRICT;
CREATE TABLE outbox (seq INTEGER PRIMARY KEY AUTOINCREMENT, output TEXT NOT NULL) STRICT;`;
