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

/** Parts of pieces, taken apart once, lead, so that each reads its own range of its table's primary key and no more; a cell comes back once, whatever it was read from. */
export const CELLS_SQL = `
  WITH p AS MATERIALIZED (
    SELECT value ->> 'tier' AS tier, value ->> 'piece' AS piece, value ->> 'from' AS start, value ->> 'to' AS stop FROM json_each(?3)
  )
  SELECT piece AS "from", key, sum(runs) AS runs, sum(input_tokens) AS inputTokens, sum(output_tokens) AS outputTokens,
    sum(cost_nano_usd) AS costNanoUsd
  FROM (${Object.entries(ROLLUP_TABLES)
    .map(
      ([tier, table]) => `
    SELECT p.piece, r.key, r.runs, r.input_tokens, r.output_tokens, r.cost_nano_usd FROM p CROSS JOIN ${table} AS r
      ON r.team_id = ?1 AND r.dimension = ?2 AND r.start >= p.start AND r.start < p.stop WHERE p.tier = '${tier}'`,
    )
    .join(' UNION ALL ')})
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
  const parts = JSON.stringify(spansOf(span, pieces));
  const statement = db.prepare(CELLS_SQL);
  const answers = await db.batch<Cell>(
    dimensions.map((dimension) => statement.bind(teamId, dimension, parts)),
  );
  return answers.map(({ results }) => results);
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
  const groups = [...sumBy(byKey, ({ key }) => key)]
    .map(([key, sums]) => ({ key, ...sums }))
    .sort((a, b) => b.costNanoUsd - a.costNanoUsd || (a.key < b.key ? -1 : 1))
    .slice(0, mostGroups);
  return {
    totals: team!.reduce<Sums>(add, nothing()),
    series: team!.map(({ key: _all, ...cell }) => cell),
    groups,
    cells: byKey,
  };
}
