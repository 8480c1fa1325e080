/** Brings an object's own SQLite to its newest shape: versions are applied once, in order, each in one transaction. */

/** `versions[i]` is the SQL that leads from version i to i + 1; never change one that was released, append. */
export function migrate(storage: DurableObjectStorage, versions: readonly string[]): void {
  storage.transactionSync(() => {
    storage.sql.exec('CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL) STRICT');
    const [row] = storage.sql.exec<{ version: number }>('SELECT version FROM schema_version').toArray();
    const from = row?.version ?? 0;
    if (from >= versions.length) return;
    for (const sql of versions.slice(from)) storage.sql.exec(sql);
    storage.sql.exec('DELETE FROM schema_version');
    storage.sql.exec('INSERT INTO schema_version (version) VALUES (?)', versions.length);
  });
}
