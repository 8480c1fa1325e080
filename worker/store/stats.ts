/** Statistics read rollups only, never the ledger (B23), and of them the coarsest that cover a span exactly. */
import { tierSpansOf, type Tier } from '../domain/budget/tiers.ts';

export interface Sums {
  runs: number;
  inputTokens: number;
  outputTokens: number;
  costNanoUsd: number;
}

export interface Span {
  /** unix seconds, on a quarter of an hour */
  from: number;
  to: number;
}

export const ROLLUP_TABLES: Record<Tier, string> = {
  day: 'rollup_day',
  six_hours: 'rollup_six_hours',
  hour: 'rollup_hour',
  quarter: 'rollup',
};

/** Sums of one key of a dimension in one piece, named by its start. */
export type Cell = Sums & { from: number; key: string };

/** The pieces lead, taken apart once, so that each reads its own range of the primary key and no more. */
export const cellsSql = (table: string) => `
  WITH p AS MATERIALIZED (
    SELECT value ->> 'piece' AS piece, value ->> 'from' AS start, value ->> 'to' AS stop FROM json_each(?3)
  )
  SELECT p.piece AS "from", r.key AS key, sum(r.runs) AS runs, sum(r.input_tokens) AS inputTokens,
    sum(r.output_tokens) AS outputTokens, sum(r.cost_nano_usd) AS costNanoUsd
  FROM p CROSS JOIN ${table} AS r ON r.team_id = ?1 AND r.dimension = ?2 AND r.start >= p.start AND r.start < p.stop
  GROUP BY 1, 2`;

/** The part of `span` that lies in each piece, cut into tiers. */
function spansOf(span: Span, pieces: readonly Span[]) {
  return pieces.flatMap((piece) =>
    tierSpansOf(Math.max(piece.from, span.from), Math.min(piece.to, span.to)).map((part) => ({
      ...part,
      piece: piece.from,
    })),
  );
}

const nothing = (): Sums => ({ runs: 0, inputTokens: 0, outputTokens: 0, costNanoUsd: 0 });
function add(sums: Sums, more: Sums): Sums {
  sums.runs += more.runs;
  sums.inputTokens += more.inputTokens;
  sums.outputTokens += more.outputTokens;
  sums.costNanoUsd += more.costNanoUsd;
  return sums;
}

function sumBy<K>(cells: readonly Cell[], keyOf: (cell: Cell) => K): Map<K, Sums> {
  const sums = new Map<K, Sums>();
  for (const cell of cells) {
    const key = keyOf(cell);
    let sum = sums.get(key);
    if (!sum) sums.set(key, (sum = nothing()));
    add(sum, cell);
  }
  return sums;
}

/** Cells of several dimensions, read in one transaction, so that they add up. */
export async function readCells(
  db: D1Database,
  teamId: string,
  { span, pieces, dimensions }: { span: Span; pieces: readonly Span[]; dimensions: readonly string[] },
): Promise<Cell[][]> {
  const spans = spansOf(span, pieces);
  const asked = dimensions.flatMap((dimension, of) =>
    Object.entries(ROLLUP_TABLES).flatMap(([tier, table]) => {
      const parts = spans.filter((part) => part.tier === tier);
      if (parts.length === 0) return [];
      return [{ of, statement: db.prepare(cellsSql(table)).bind(teamId, dimension, JSON.stringify(parts)) }];
    }),
  );
  const answers = asked.length > 0 ? await db.batch<Cell>(asked.map(({ statement }) => statement)) : [];
  const cells: Cell[][] = dimensions.map(() => []);
  answers.forEach(({ results }, at) => cells[asked[at]!.of]!.push(...results));
  return cells;
}

/** Sums of a team over a span, per piece of it, and per key of a dimension (dearest first). */
export async function readStats(
  db: D1Database,
  teamId: string,
  {
    span,
    pieces,
    dimension,
    mostGroups,
  }: { span: Span; pieces: Span[]; dimension: string | null; mostGroups: number },
) {
  const dimensions = dimension === null ? ['team'] : ['team', dimension];
  const [team, byKey = []] = await readCells(db, teamId, { span, pieces, dimensions });
  const series = [...sumBy(team!, ({ from }) => from)].map(([from, sums]) => ({ from, ...sums }));
  const groups = [...sumBy(byKey, ({ key }) => key)]
    .map(([key, sums]) => ({ key, ...sums }))
    .sort((a, b) => b.costNanoUsd - a.costNanoUsd || (a.key < b.key ? -1 : 1))
    .slice(0, mostGroups);
  // A piece may have been read from several tiers.
  const cells = [...Map.groupBy(byKey, ({ key }) => key)].flatMap(([key, ofKey]) =>
    [...sumBy(ofKey, ({ from }) => from)].map(([from, { costNanoUsd }]) => ({ from, key, costNanoUsd })),
  );
  return { totals: team!.reduce<Sums>(add, nothing()), series, groups, cells };
}
