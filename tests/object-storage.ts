import type { DatabaseSync } from 'node:sqlite';

/** The storage of an object as its stores use it, and how SQLite goes about each question. */
export function storageOf(db: DatabaseSync, asked: (plan: string[]) => void = () => {}) {
  const exec = (sql: string, ...bindings: (string | number | null)[]) => {
    if (!/^\s*SELECT/.test(sql) && bindings.length === 0) return void db.exec(sql);
    const steps = db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...bindings);
    asked(steps.map(({ detail }) => String(detail)));
    const rows = db.prepare(sql).all(...bindings);
    return Object.assign(rows.values(), { toArray: () => rows });
  };
  return {
    transactionSync: <T>(change: () => T) => change(),
    sql: { exec: (sql: string, ...values: []) => exec(sql, ...values) ?? { toArray: () => [] } },
  } as unknown as DurableObjectStorage;
}
