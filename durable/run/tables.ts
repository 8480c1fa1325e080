/** The connection that all stores of a run's object share. Its tables are made by the first question, so that a new run's are written with its first event. */
import { migrate } from '../migrate.ts';
import { NEWEST, VERSIONS } from './run.schema.ts';

type Value = string | number | null;
export type Row = Record<string, Value>;
export interface Place {
  frame: string;
  node: string;
}

export const parse = <T>(text: Value): T | null => (text === null ? null : (JSON.parse(String(text)) as T));

export class Tables {
  readonly #storage: DurableObjectStorage;
  /** are the tables there? */
  #isReady = false;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }
  forget(): void {
    this.#isReady = false;
  }
  transaction<T>(change: () => T): T {
    return this.#storage.transactionSync(change);
  }

  /** Row after row as they are asked for. */
  rows(sql: string, ...bindings: Value[]): SqlStorageCursor<Row> {
    if (!this.#isReady) migrate(this.#storage, VERSIONS, NEWEST);
    this.#isReady = true;
    return this.#storage.sql.exec<Row>(sql, ...bindings);
  }
  all(sql: string, ...bindings: Value[]): Row[] {
    return this.rows(sql, ...bindings).toArray();
  }
  first(sql: string, ...bindings: Value[]): Row | undefined {
    return this.rows(sql, ...bindings).toArray()[0];
  }
  exec(sql: string, ...bindings: Value[]): void {
    this.rows(sql, ...bindings);
  }
}
