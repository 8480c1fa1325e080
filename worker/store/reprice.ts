/** Re-pricing: what ledger rows of a model would cost at another price, and the adjustments that make up the difference. Rows are never rewritten. */
import type { ExecutionType, Settlement } from '../domain/budget/budget.ts';
import { costOf } from '../domain/cost/cost.ts';
import type { Price } from '../domain/cost/price.ts';
import { priceIdOf, withFlaggedServing } from '../domain/cost/service-tier.ts';
import { NO_USAGE, usageSchema, type Usage, type UsageSource } from '../domain/cost/usage.ts';
import type { CoreServices } from '../services.ts';

/** More rows than this in one job are refused: the period must be narrowed. */
export const REPRICE_ROWS = 5_000;

/** Rows of a model as it stands on them, booked in [from, to); ISO. */
export interface RepriceOf {
  model: string;
  provider?: string;
  from: string;
  to: string;
}

export interface Repriced {
  /** rows that were looked at */
  rows: number;
  /** of these, rows whose model has no price: they stay as they are */
  unpriced: number;
  /** what they cost now, earlier adjustments inside */
  beforeNanoUsd: number;
  afterNanoUsd: number;
  adjustments: Settlement[];
}

interface Row {
  id: string;
  run_id: string;
  attempt: number;
  status: Settlement['status'];
  source: UsageSource;
  provider: string;
  model: string;
  cost_nano_usd: number;
  adjusted: number;
  adjustments: number;
  prompt_id: string | null;
  prompt_version: number | null;
  workflow_id: string | null;
  execution_id: string | null;
  node_id: string | null;
  member_id: string | null;
  key_id: string | null;
  group_ids: string;
  tags: string;
  flags: string;
  usage_json: string;
  created_at: string;
}

const ADJUSTMENT = 'adjustment' satisfies ExecutionType;

/** An adjustment's run is `adj_<id of the row>`, so each row's own stand together under the ledger's (run, attempt) index. */
const READ = `
SELECT l.*,
  (SELECT coalesce(sum(a.cost_nano_usd), 0) FROM ledger AS a WHERE a.team_id = l.team_id AND a.run_id = 'adj_' || l.id) AS adjusted,
  (SELECT count(*) FROM ledger AS a WHERE a.team_id = l.team_id AND a.run_id = 'adj_' || l.id) AS adjustments
FROM ledger AS l
WHERE l.team_id = ?1 AND l.created_at >= ?2 AND l.created_at < ?3 AND l.model = ?4 AND (?5 IS NULL OR l.provider = ?5)
  AND l.execution_type <> '${ADJUSTMENT}'
ORDER BY l.created_at, l.id LIMIT ${REPRICE_ROWS + 1}`;

/** Null when the period holds more than REPRICE_ROWS rows. `priceOf` says the price to take for a row. */
export async function repriced(
  { env }: Pick<CoreServices, 'env'>,
  teamId: string,
  {
    of,
    priceOf,
  }: { of: RepriceOf; priceOf(row: { provider: string; model: string; at: string }): Price | null },
): Promise<Repriced | null> {
  const { results } = await env.DB.prepare(READ)
    .bind(teamId, of.from, of.to, of.model, of.provider ?? null)
    .all<Row>();
  if (results.length > REPRICE_ROWS) return null;
  const sum: Repriced = { rows: 0, unpriced: 0, beforeNanoUsd: 0, afterNanoUsd: 0, adjustments: [] };
  for (const row of results) {
    const priceOfModel = (model: string) => priceOf({ provider: row.provider, model, at: row.created_at });
    const price = priceOfModel(row.model);
    const before = row.cost_nano_usd + row.adjusted;
    const usage = withFlaggedServing(
      usageSchema.parse(JSON.parse(row.usage_json)),
      JSON.parse(row.flags) as string[],
    );
    const after = price ? costOf(usage, price, priceOfModel) : before;
    sum.rows += 1;
    sum.beforeNanoUsd += before;
    sum.afterNanoUsd += after;
    if (!price) sum.unpriced += 1;
    else if (after !== before)
      sum.adjustments.push(adjustmentOf(teamId, row, { before, after, price, usage }));
  }
  return sum;
}

/** Booked to the instant and the subject of its row, so that every counter and sum the row is in moves by the difference. */
function adjustmentOf(
  teamId: string,
  row: Row,
  { before, after, price, usage }: { before: number; after: number; price: Price; usage: Usage },
): Settlement {
  return {
    runId: `adj_${row.id}`,
    attempt: row.adjustments + 1,
    subject: {
      teamId,
      keyId: row.key_id ?? undefined,
      memberId: row.member_id ?? undefined,
      promptId: row.prompt_id ?? undefined,
      promptVersion: row.prompt_version ?? undefined,
      workflowId: row.workflow_id ?? undefined,
      executionId: row.execution_id ?? undefined,
      nodeId: row.node_id ?? undefined,
      groupIds: JSON.parse(row.group_ids) as string[],
      tags: JSON.parse(row.tags) as string[],
    },
    provider: row.provider,
    model: row.model,
    executionType: ADJUSTMENT,
    status: row.status,
    billed: true,
    costNanoUsd: after - before,
    usage: NO_USAGE,
    source: row.source,
    flags: [ADJUSTMENT],
    priced: true,
    priceId: priceIdOf(price, usage),
    rawUsage: JSON.stringify({ adjusts: { runId: row.run_id, attempt: row.attempt }, before, after }),
    latencyMs: 0,
    occurredAt: row.created_at,
  };
}
