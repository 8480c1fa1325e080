/** Brings an object's own SQLite to its newest shape: versions are applied once, in order, each in one transaction. */

/**
 * `versions[i]` is the SQL that leads from version i to i + 1; never change one that was released, append. `newest` is what all of them
 * together lead to, for an object that has nothing yet.
 */
export function migrate(storage: DurableObjectStorage, versions: readonly string[], newest?: string): void {
  storage.transactionSync(() => {
    storage.sql.exec('CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL) STRICT');
    const [row] = storage.sql.exec<{ version: number }>('SELECT version FROM schema_version').toArray();
    const from = row?.version ?? 0;
    if (from >= versions.length) return;
    if (from === 0 && newest !== undefined) storage.sql.exec(newest);
    else for (const sql of versions.slice(from)) storage.sql.exec(sql);
    storage.sql.exec('DELETE FROM schema_version');
    storage.sql.exec('INSERT INTO schema_version (version) VALUES (?)', versions.length);
  });
}
