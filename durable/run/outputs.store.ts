/** What nodes have given: small outputs in their rows and at hand, longer ones in parts, those that went to R2 as the file they stand in. */
import { JsonMembers } from '../../worker/domain/data/json-members.ts';
import type { OutputRef, WholeOutput } from '../../worker/domain/workflow/run.ts';
import { parse, type Place, type Tables } from './tables.ts';

/** A row holds 2 MB; what is longer than this many characters stands in parts. */
const PART_CHARS = 500_000;
/** Outputs of more characters go to R2, once they are safe here. */
export const LARGE_CHARS = 1_000_000;
/** So many large outputs are remembered: a map asks for one and the same with every item. */
const LARGE_KEPT = 2;

/** Where a text may be cut: never within a character that is two code units, since half of one is none in UTF-8. */
const wholeChars = (text: string, at: number): number => {
  const before = text.charCodeAt(at - 1);
  return at < text.length && before >= 0xd800 && before < 0xdc00 ? at - 1 : at;
};

/** Of a frame's nodes that have ended: small outputs at hand, and about how many bytes the large ones are. */
interface Given {
  small: Record<string, unknown>;
  large: Map<string, number>;
}

export class OutputsStore {
  readonly #tables: Tables;
  readonly #given = new Map<string, Given>();
  /** large ones that were read lately */
  readonly #lately = new Map<string, unknown>();

  constructor(tables: Tables) {
    this.#tables = tables;
  }
  forget(): void {
    this.#given.clear();
    this.#lately.clear();
  }
  /** None of its nodes has given anything. */
  frameBegins(frame: string): void {
    this.#given.set(frame, { small: {}, large: new Map() });
  }
  /** Nobody asks for the outputs of an item that has ended as often as for those of one that goes on. */
  frameEnded(frame: string): void {
    this.#given.delete(frame);
  }

  // ---- written ----
  /** True when it is so large that it should not stay here. */
  put(frame: string, node: string, output: unknown): boolean {
    return this.#put(frame, node, JSON.stringify(output ?? null), () => output ?? null);
  }
  /** The same for what is JSON already, or stands in a file. */
  putWhole(frame: string, node: string, output: WholeOutput): boolean {
    if ('json' in output)
      return this.#put(frame, node, output.json, () => JSON.parse(output.json) as unknown);
    this.putRef(frame, node, output.ref);
    return false;
  }
  #put(frame: string, node: string, json: string, value: () => unknown): boolean {
    this.#isNew(frame, node);
    const given = this.#given.get(frame);
    const isSmall = json.length <= PART_CHARS;
    if (given && isSmall) {
      given.small[node] = value();
      given.large.delete(node);
    } else if (given) isLarge(given, node, json.length);
    this.#tables.exec(
      'UPDATE node SET output = ?, ref = NULL WHERE frame = ? AND node = ?',
      isSmall ? json : null,
      frame,
      node,
    );
    if (isSmall) return false;
    this.#tables.exec('DELETE FROM part WHERE frame = ? AND node = ?', frame, node);
    for (let part = 0, from = 0; from < json.length; part++) {
      const to = wholeChars(json, from + PART_CHARS);
      this.#tables.exec(
        'INSERT OR REPLACE INTO part (frame, node, part, text) VALUES (?, ?, ?, ?)',
        frame,
        node,
        part,
        json.slice(from, to),
      );
      from = to;
    }
    return json.length > LARGE_CHARS;
  }
  /** It stands in R2, so it need not stand here. */
  putRef(frame: string, node: string, ref: OutputRef): void {
    this.#isNew(frame, node);
    const given = this.#given.get(frame);
    if (given) isLarge(given, node, ref.bytes ?? 0);
    this.#tables.exec(
      'UPDATE node SET ref = ?, output = NULL WHERE frame = ? AND node = ?',
      JSON.stringify(ref),
      frame,
      node,
    );
    this.#tables.exec('DELETE FROM part WHERE frame = ? AND node = ?', frame, node);
  }

  // ---- read ----
  /** What a frame's nodes have given. A part's text is never read for this: it may be megabytes, and every item of a map asks. */
  of(frame: string): Given {
    const known = this.#given.get(frame);
    if (known) return known;
    const given: Given = { small: {}, large: new Map() };
    for (const row of this.#tables.rows(
      `SELECT n.node, n.output, n.ref, n.ref ->> 'bytes' AS bytes, CASE WHEN n.output IS NULL AND n.ref IS NULL
         THEN (SELECT count(*) FROM part p WHERE p.frame = n.frame AND p.node = n.node) ELSE 0 END AS parts
       FROM node n WHERE n.frame = ? AND n.status IN ('succeeded', 'failed')`,
      frame,
    )) {
      if (row.output !== null) given.small[String(row.node)] = JSON.parse(String(row.output)) as unknown;
      else if (row.ref !== null || Number(row.parts) > 0)
        given.large.set(String(row.node), Number(row.bytes ?? Number(row.parts) * PART_CHARS));
    }
    this.#given.set(frame, given);
    return given;
  }
  /** One output, wherever it stands. */
  async read(frame: string, node: string, readFile: (key: string) => Promise<unknown>): Promise<unknown> {
    const at = `${frame}|${node}`;
    if (this.#lately.has(at)) return this.#lately.get(at);
    const whole = this.whole(frame, node);
    if (whole === null) return null;
    const output = 'ref' in whole ? await readFile(whole.ref.key) : (JSON.parse(whole.json) as unknown);
    if ('json' in whole && whole.json.length <= PART_CHARS) return output;
    this.#remember(at, output);
    return output;
  }
  /** What was read of it lately no longer holds. */
  #isNew(frame: string, node: string): void {
    for (const at of this.#lately.keys())
      if (at === `${frame}|${node}` || at.startsWith(`${frame}|${node}|`)) this.#lately.delete(at);
  }
  #remember(at: string, output: unknown): void {
    if (this.#lately.size >= LARGE_KEPT) this.#lately.delete(this.#lately.keys().next().value!);
    this.#lately.set(at, output);
  }
  /** Some members of an output that stands in a file, and how many characters they are, at most some more than `most`; null when it is no object in a file. */
  async members(
    [frame, node]: [frame: string, node: string],
    names: ReadonlySet<string>,
    most: number,
    readFile: (key: string) => AsyncIterable<string>,
  ): Promise<{ value: unknown; chars: number } | null> {
    const file = this.fileOf(frame, node);
    if (!file) return null;
    const at = `${frame}|${node}|${[...names].sort().join()}`;
    const lately = this.#lately.get(at) as { value: unknown; chars: number } | undefined;
    if (lately) return lately;
    const members = new JsonMembers(names, { maxChars: most });
    for await (const piece of readFile(file.key)) {
      members.push(piece);
      if (members.isTooLarge) return { value: null, chars: members.chars };
    }
    const value = members.value();
    if (value === null) return null;
    const found = { value, chars: members.chars };
    this.#remember(at, found);
    return found;
  }
  /** The same, not read: its JSON, or the file it stands in; null when it has given nothing. */
  whole(frame: string, node: string): WholeOutput | null {
    const row = this.#tables.first(
      `SELECT output, ref FROM node WHERE frame = ? AND node = ? AND status IN ('succeeded', 'failed')`,
      frame,
      node,
    );
    if (!row) return null;
    if (row.output !== null) return { json: String(row.output) };
    const ref = parse<OutputRef>(row.ref!);
    if (ref) return { ref };
    const json = this.#textOfParts(frame, node);
    return json === null ? null : { json };
  }

  // ---- large ones ----
  /** The file that a large output stands in; null while it stands here. */
  fileOf(frame: string, node: string): OutputRef | null {
    const row = this.#tables.first('SELECT ref FROM node WHERE frame = ? AND node = ?', frame, node);
    return parse<OutputRef>(row?.ref ?? null);
  }
  /** An output in parts, one after the other. */
  *partsOf(frame: string, node: string): Generator<string> {
    for (let part = 0; ; part++) {
      const row = this.#tables.first(
        'SELECT text FROM part WHERE frame = ? AND node = ? AND part = ?',
        frame,
        node,
        part,
      );
      if (!row) return;
      yield String(row.text);
    }
  }
  #textOfParts(frame: string, node: string): string | null {
    const parts = this.#tables.all(
      'SELECT text FROM part WHERE frame = ? AND node = ? ORDER BY part',
      frame,
      node,
    );
    return parts.length === 0 ? null : parts.map((row) => row.text).join('');
  }
  /** The text of an output that is to go to R2; null when it is not that large, or has gone. */
  largeText(frame: string, node: string): string | null {
    const row = this.#tables.first(
      'SELECT sum(length(text)) AS chars FROM part WHERE frame = ? AND node = ?',
      frame,
      node,
    );
    return Number(row?.chars ?? 0) > LARGE_CHARS ? this.#textOfParts(frame, node) : null;
  }
  /** Outputs that are to go to R2 and did not get there. */
  largePlaces(limit: number): Place[] {
    return this.#tables
      .all(
        `SELECT frame, node FROM part GROUP BY frame, node HAVING sum(length(text)) > ?
           AND EXISTS (SELECT 1 FROM node n WHERE n.frame = part.frame AND n.node = part.node AND n.output IS NULL) LIMIT ?`,
        LARGE_CHARS,
        limit,
      )
      .map((row) => ({ frame: String(row.frame), node: String(row.node) }));
  }
}

function isLarge(given: Given, node: string, bytes: number): void {
  delete given.small[node];
  given.large.set(node, bytes);
}
