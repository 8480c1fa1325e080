/** What D1 is still to be told of a run: how it stands, and outputs on their way there. */
import type { StoredOutput } from '../../worker/domain/workflow/run.ts';
import type { Tables } from './tables.ts';

/** What is carried at once: about as much as one row holds. */
const MOST_CHARS = 500_000;

export class OutboxStore {
  readonly #tables: Tables;
  #isRecorded: boolean | undefined;

  constructor(tables: Tables) {
    this.#tables = tables;
  }
  forget(): void {
    this.#isRecorded = undefined;
  }

  /** Does D1 know the run's end? */
  isRecorded(): boolean {
    return (this.#isRecorded ??= this.#tables.first('SELECT recorded FROM run')?.recorded === 1);
  }
  setRecorded(): void {
    this.#isRecorded = true;
    this.#tables.exec('UPDATE run SET recorded = 1');
  }
  /** A change of the run's row took the mark from it. */
  changed(): void {
    this.#isRecorded = false;
  }

  put(output: StoredOutput): void {
    this.#tables.exec('INSERT INTO outbox (output) VALUES (?)', JSON.stringify(output));
  }
  /** The oldest outputs, at most `limit`; `more` when others stand behind. */
  oldest(limit: number): { rows: { seq: number; output: StoredOutput }[]; more: boolean } {
    const rows: { seq: number; output: StoredOutput }[] = [];
    let chars = 0;
    for (const row of this.#tables.all('SELECT seq, output FROM outbox ORDER BY seq LIMIT ?', limit + 1)) {
      chars += String(row.output).length;
      if (rows.length === limit || (rows.length > 0 && chars > MOST_CHARS)) return { rows, more: true };
      rows.push({ seq: Number(row.seq), output: JSON.parse(String(row.output)) as StoredOutput });
    }
    return { rows, more: false };
  }
  carried(upToSeq: number): void {
    this.#tables.exec('DELETE FROM outbox WHERE seq <= ?', upToSeq);
  }
}
