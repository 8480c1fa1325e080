/** SQLite of one team's budget object. Every method is synchronous; the object wraps each question in one transaction. */
import type { Alert } from '../worker/domain/budget/alerts.ts';
import type { Budget, OutboxRow, Settlement } from '../worker/domain/budget/budget.ts';
import type { BooksState } from '../worker/domain/budget/books.ts';
import type { Booking, Hold, Journal, PastAttempt } from '../worker/domain/budget/journal.ts';
import type { ScopeKey } from '../worker/domain/budget/scopes.ts';
import { migrate } from './migrate.ts';
import { REBUILD_TABLES } from './rebuild.store.ts';

const SAFE = (column: string) => `CHECK (abs(${column}) <= 9007199254740991)`;

/** docs/state.md, "TeamBudget object", describes every table. */
const VERSIONS = [
  `
  CREATE TABLE totals (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    team_id TEXT,
    total_nano_usd INTEGER NOT NULL ${SAFE('total_nano_usd')},
    last_seq INTEGER NOT NULL,
    acknowledged_seq INTEGER NOT NULL
  ) STRICT;
  INSERT INTO totals VALUES (1, NULL, 0, 0, 0);
  CREATE TABLE budget (id TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE hold (
    run_id TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (run_id, attempt)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE past_attempt (
    run_id TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    state TEXT NOT NULL,
    cost_nano_usd INTEGER NOT NULL,
    admitted_at INTEGER NOT NULL,
    ended_at INTEGER NOT NULL,
    PRIMARY KEY (run_id, attempt)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX past_attempt_age ON past_attempt (ended_at);
  CREATE TABLE spend (
    scope TEXT NOT NULL,
    bucket INTEGER NOT NULL,
    cost_nano_usd INTEGER NOT NULL ${SAFE('cost_nano_usd')},
    PRIMARY KEY (scope, bucket)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE outbox (
    seq INTEGER PRIMARY KEY,
    booked_at INTEGER NOT NULL,
    cost_nano_usd INTEGER NOT NULL,
    body TEXT,
    acknowledged_at INTEGER
  ) STRICT;
  CREATE TABLE alert (
    id TEXT PRIMARY KEY,
    budget_id TEXT NOT NULL,
    period_start INTEGER NOT NULL,
    threshold INTEGER NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (budget_id, period_start, threshold)
  ) STRICT;
  `,
  // Alerts of other kinds, and what is still to be announced. What was told before is not told anew.
  `
  CREATE TABLE alert_2 (
    id TEXT PRIMARY KEY,
    once TEXT NOT NULL UNIQUE,
    budget_id TEXT,
    period_start INTEGER,
    threshold INTEGER,
    body TEXT NOT NULL,
    read_at TEXT,
    announced INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  INSERT INTO alert_2 (id, once, budget_id, period_start, threshold, body, announced)
    SELECT id, 'threshold ' || budget_id || ' ' || period_start || ' ' || threshold, budget_id, period_start, threshold,
      json_set(body, '$.kind', 'threshold', '$.title', 'A budget reached ' || threshold || '% of its limit', '$.text', '',
        '$.usualNanoUsd', NULL, '$.exhaustsAt', NULL), 1
    FROM alert;
  DROP TABLE alert;
  ALTER TABLE alert_2 RENAME TO alert;
  CREATE INDEX alert_budget ON alert (budget_id, period_start);
  CREATE INDEX alert_unannounced ON alert (id) WHERE announced = 0;
  CREATE INDEX alert_unread ON alert (id) WHERE read_at IS NULL;
  `,
  // A settlement is one statement: INSERT INTO booking. Its parts cost a fraction of what statements of their own would.
  `
  CREATE VIEW booking AS SELECT NULL AS seq, NULL AS booked_at, NULL AS bucket, NULL AS cost_nano_usd, NULL AS body, NULL AS scopes,
    NULL AS total_nano_usd, NULL AS run_id, NULL AS attempt, NULL AS state, NULL AS admitted_at, NULL AS ended_at;
  CREATE TRIGGER book INSTEAD OF INSERT ON booking BEGIN
    INSERT INTO outbox (seq, booked_at, cost_nano_usd, body) VALUES (NEW.seq, NEW.booked_at, NEW.cost_nano_usd, NEW.body);
    UPDATE totals SET total_nano_usd = NEW.total_nano_usd, last_seq = NEW.seq;
    INSERT INTO spend (scope, bucket, cost_nano_usd)
      SELECT value, NEW.bucket, NEW.cost_nano_usd FROM json_each(NEW.scopes) WHERE NEW.cost_nano_usd <> 0
      ON CONFLICT DO UPDATE SET cost_nano_usd = cost_nano_usd + excluded.cost_nano_usd;
    DELETE FROM hold WHERE run_id = NEW.run_id AND attempt = NEW.attempt;
    INSERT OR REPLACE INTO past_attempt (run_id, attempt, state, cost_nano_usd, admitted_at, ended_at)
      VALUES (NEW.run_id, NEW.attempt, NEW.state, NEW.cost_nano_usd, NEW.admitted_at, NEW.ended_at);
  END;
  `,
  REBUILD_TABLES,
];

/** Spend is kept per quarter of an hour: every zone's midnight falls on one. */
export const BUCKET_MS = 15 * 60_000;
const bucketOf = (ms: number) => (Math.floor(ms / BUCKET_MS) * BUCKET_MS) / 1000;

/** One answer of outbox() stays below this many characters, so that it fits one D1 parameter. */
const OUTBOX_CHARACTERS = 600_000;

type Value = string | number | null;
/** SQLite takes at most so many values with one statement. */
const MOST_VALUES = 100;

const attemptKey = (runId: string, attempt: number) => `${runId} ${attempt}`;

export class TeamBudgetStore implements Journal {
  readonly #storage: DurableObjectStorage;
  readonly #sql: SqlStorage;
  /** statements that wait for flush(), each with the rows it is to insert or the values it takes */
  #waiting = new Map<string, Value[][]>();
  /** what they say of attempts that are over: asked for before it is written */
  #pastWaiting = new Map<string, PastAttempt>();
  /** writes of the question that is being answered, null outside of defer() */
  #deferred: [sql: string, values: Value[]][] | null = null;
  #acknowledgedSeq: number;

  constructor(storage: DurableObjectStorage) {
    migrate(storage, VERSIONS);
    this.#storage = storage;
    this.#sql = storage.sql;
    this.#acknowledgedSeq = this.#totals().acknowledged_seq;
  }

  /** Answers a question whose writes wait for flush(): a question that reads first and then writes. When it throws, it has written nothing. */
  defer<T>(question: () => T): T {
    const own: [sql: string, values: Value[]][] = (this.#deferred = []);
    try {
      const answer = question();
      for (const [sql, values] of own) {
        const rows = this.#waiting.get(sql);
        if (rows) rows.push(values);
        else this.#waiting.set(sql, [values]);
      }
      return answer;
    } finally {
      this.#deferred = null;
    }
  }

  /** Nothing waits any more: it could not be written, and nobody was told that it was. */
  forget(): void {
    this.#waiting.clear();
    this.#pastWaiting.clear();
  }

  /** Writes what waits, all or nothing: one commit for however many questions came together. */
  flush(): void {
    if (this.#waiting.size === 0) return;
    const waiting = this.#waiting;
    this.#waiting = new Map();
    this.#pastWaiting.clear();
    const writeAll = () => {
      for (const [sql, rows] of waiting) this.#write(sql, rows);
    };
    const [only] = waiting.values();
    if (waiting.size === 1 && only!.length === 1) writeAll();
    else this.#storage.transactionSync(writeAll);
  }

  /** Any other question: each write is made at once, in one transaction that is rolled back when the question throws. */
  transaction<T>(question: () => T): T {
    this.flush();
    return this.#storage.transactionSync(question);
  }

  /** Rows of one INSERT go out together, as many as one statement takes. */
  #write(sql: string, rows: Value[][]): void {
    const values = sql.indexOf(' VALUES ');
    const atOnce = values === -1 ? 1 : Math.floor(MOST_VALUES / rows[0]!.length);
    for (let from = 0; from < rows.length; from += atOnce) {
      const some = rows.slice(from, from + atOnce);
      const more = some.length > 1 ? `, ${sql.slice(values + 8)}`.repeat(some.length - 1) : '';
      this.#sql.exec(sql + more, ...some.flat());
    }
  }

  #run(sql: string, ...values: Value[]): void {
    if (this.#deferred) this.#deferred.push([sql, values]);
    else this.#sql.exec(sql, ...values);
  }

  load(): BooksState {
    const { total_nano_usd, last_seq } = this.#totals();
    return {
      budgets: this.#bodies<Budget>('SELECT body FROM budget ORDER BY id'),
      holds: this.#bodies<Hold>('SELECT body FROM hold'),
      totals: { totalNanoUsd: total_nano_usd, lastSeq: last_seq },
    };
  }

  teamId(): string | null {
    return this.#totals().team_id;
  }

  saveTeamId(teamId: string): void {
    this.#sql.exec('UPDATE totals SET team_id = ?', teamId);
  }

  spent(scope: ScopeKey, fromMs: number, toMs: number | null): number {
    this.flush();
    const sql =
      'SELECT coalesce(sum(cost_nano_usd), 0) AS spent FROM spend WHERE scope = ? AND bucket >= ? AND bucket < ?';
    const to = toMs === null ? Number.MAX_SAFE_INTEGER : toMs / 1000;
    return this.#sql.exec<{ spent: number }>(sql, scope, fromMs / 1000, to).one().spent;
  }

  pastAttempt(runId: string, attempt: number): PastAttempt | null {
    const waiting = this.#pastWaiting.get(attemptKey(runId, attempt));
    if (waiting) return waiting;
    const sql =
      'SELECT state, cost_nano_usd, admitted_at, ended_at FROM past_attempt WHERE run_id = ? AND attempt = ?';
    type Row = { state: string; cost_nano_usd: number; admitted_at: number; ended_at: number };
    const row = this.#sql.exec<Row>(sql, runId, attempt).next().value;
    if (!row) return null;
    return {
      runId,
      attempt,
      state: row.state as PastAttempt['state'],
      costNanoUsd: row.cost_nano_usd,
      admittedAtMs: row.admitted_at,
      endedAtMs: row.ended_at,
    };
  }

  told(budgetId: string, periodStartMs: number): number[] {
    this.flush();
    const sql =
      'SELECT threshold FROM alert WHERE budget_id = ? AND period_start = ? AND threshold IS NOT NULL';
    return this.#sql
      .exec<{ threshold: number }>(sql, budgetId, periodStartMs)
      .toArray()
      .map((row) => row.threshold);
  }

  saveHold(hold: Hold): void {
    const sql = 'INSERT OR REPLACE INTO hold (run_id, attempt, expires_at, body) VALUES (?, ?, ?, ?)';
    this.#run(sql, hold.runId, hold.attempt, hold.expiresAtMs, JSON.stringify(hold));
  }

  book({ entry, totals, scopes, past }: Booking): void {
    const { seq, settlement, costNanoUsd, bookedAtMs } = entry;
    if (this.#deferred) this.#pastWaiting.set(attemptKey(past.runId, past.attempt), past);
    this.#run(
      'INSERT INTO booking VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
      seq,
      bookedAtMs,
      bucketOf(bookedAtMs),
      costNanoUsd,
      JSON.stringify(settlement),
      JSON.stringify(scopes),
      totals.totalNanoUsd,
      past.runId,
      past.attempt,
      past.state,
      past.admittedAtMs,
      past.endedAtMs,
    );
  }

  release(past: PastAttempt): void {
    this.#run('DELETE FROM hold WHERE run_id = ? AND attempt = ?', past.runId, past.attempt);
    this.#run(
      'INSERT OR REPLACE INTO past_attempt (run_id, attempt, state, cost_nano_usd, admitted_at, ended_at) VALUES (?, ?, ?, ?, ?, ?)',
      past.runId,
      past.attempt,
      past.state,
      past.costNanoUsd,
      past.admittedAtMs,
      past.endedAtMs,
    );
  }

  deletePastAttempt(runId: string, attempt: number): void {
    this.#run('DELETE FROM past_attempt WHERE run_id = ? AND attempt = ?', runId, attempt);
  }

  saveBudget(budget: Budget): void {
    this.#run('INSERT OR REPLACE INTO budget (id, body) VALUES (?, ?)', budget.id, JSON.stringify(budget));
  }

  deleteBudget(id: string): void {
    this.#run('DELETE FROM budget WHERE id = ?', id);
  }

  saveAlert(alert: Alert, periodStartMs: number): void {
    const once = `threshold ${alert.budgetId} ${periodStartMs} ${alert.threshold}`;
    const sql =
      'INSERT INTO alert (id, once, budget_id, period_start, threshold, body) VALUES (?, ?, ?, ?, ?, ?)';
    this.#run(sql, alert.id, once, alert.budgetId, periodStartMs, alert.threshold, JSON.stringify(alert));
  }

  /** False when one of the same `once` was told before. */
  raiseAlert(alert: Alert, once: string): boolean {
    const sql = 'INSERT INTO alert (id, once, budget_id, body) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING';
    return this.#sql.exec(sql, alert.id, once, alert.budgetId, JSON.stringify(alert)).rowsWritten > 0;
  }

  /** Newest first. */
  alerts({ limit, before, budgetId }: { limit: number; before?: string; budgetId?: string }): Alert[] {
    const where = '(?1 IS NULL OR id < ?1) AND (?2 IS NULL OR budget_id = ?2)';
    return this.#alerts(`${where} ORDER BY id DESC LIMIT ?3`, before ?? null, budgetId ?? null, limit);
  }

  unannouncedAlerts(limit: number): Alert[] {
    return this.#alerts('announced = 0 ORDER BY id LIMIT ?', limit);
  }

  alertsAnnounced(ids: readonly string[]): void {
    this.#sql.exec(
      'UPDATE alert SET announced = 1 WHERE id IN (SELECT value FROM json_each(?))',
      JSON.stringify(ids),
    );
  }

  /** Marks one as read; null when there is none. */
  readAlert(id: string, at: string): Alert | null {
    this.#sql.exec('UPDATE alert SET read_at = ? WHERE id = ? AND read_at IS NULL', at, id);
    return this.#alerts('id = ?', id)[0] ?? null;
  }

  readAllAlerts(at: string): number {
    return this.#sql
      .exec<{ id: string }>('UPDATE alert SET read_at = ? WHERE read_at IS NULL RETURNING id', at)
      .toArray().length;
  }

  unreadAlerts(): number {
    return this.#sql.exec<{ n: number }>('SELECT count(*) AS n FROM alert WHERE read_at IS NULL').one().n;
  }

  #alerts(where: string, ...bindings: (string | number | null)[]): Alert[] {
    type Row = { body: string; read_at: string | null };
    return this.#sql
      .exec<Row>(`SELECT body, read_at FROM alert WHERE ${where}`, ...bindings)
      .toArray()
      .map((row) => ({ ...(JSON.parse(row.body) as Alert), readAt: row.read_at }));
  }

  /** The oldest rows that are not acknowledged: at most `limit`, and no more text than one D1 parameter carries. */
  outbox(limit: number): OutboxRow[] {
    type Row = { seq: number; booked_at: number; body: string };
    const sql = 'SELECT seq, booked_at, body FROM outbox WHERE seq > ? ORDER BY seq LIMIT ?';
    const rows: OutboxRow[] = [];
    let characters = 0;
    for (const row of this.#sql.exec<Row>(sql, this.acknowledgedSeq(), limit)) {
      characters += row.body.length;
      if (rows.length > 0 && characters > OUTBOX_CHARACTERS) break;
      const settlement = JSON.parse(row.body) as Settlement;
      rows.push({ seq: row.seq, settlement, at: new Date(row.booked_at).toISOString() });
    }
    return rows;
  }

  acknowledgedSeq(): number {
    return this.#acknowledgedSeq;
  }

  /** Their bodies go, unless a rebuild is under way that may need them; their costs stay for a while: a cut taken before needs them. */
  acknowledge(seq: number, nowMs: number, keepBodies = false): void {
    const from = this.acknowledgedSeq();
    if (seq <= from) return;
    const body = keepBodies ? '' : 'body = NULL, ';
    const sql = `UPDATE outbox SET ${body}acknowledged_at = ? WHERE seq > ? AND seq <= ?`;
    this.#sql.exec(sql, nowMs, from, seq);
    this.#sql.exec('UPDATE totals SET acknowledged_seq = ?', seq);
    this.#acknowledgedSeq = seq;
  }

  costAfter(seq: number): number {
    const sql = 'SELECT coalesce(sum(cost_nano_usd), 0) AS cost FROM outbox WHERE seq > ?';
    return this.#sql.exec<{ cost: number }>(sql, seq).one().cost;
  }

  /** Forgets acknowledged rows and old attempts from before these instants. */
  prune(acknowledgedBeforeMs: number, endedBeforeMs: number): void {
    this.#sql.exec(
      'DELETE FROM outbox WHERE seq <= ? AND acknowledged_at < ?',
      this.acknowledgedSeq(),
      acknowledgedBeforeMs,
    );
    this.#sql.exec('DELETE FROM past_attempt WHERE ended_at < ?', endedBeforeMs);
  }

  #totals() {
    type Row = { team_id: string | null; total_nano_usd: number; last_seq: number; acknowledged_seq: number };
    return this.#sql
      .exec<Row>('SELECT team_id, total_nano_usd, last_seq, acknowledged_seq FROM totals')
      .one();
  }

  #bodies<T>(sql: string, ...bindings: (string | number | null)[]): T[] {
    return this.#sql
      .exec<{ body: string }>(sql, ...bindings)
      .toArray()
      .map((row) => JSON.parse(row.body) as T);
  }
}
