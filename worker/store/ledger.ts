/** The ledger in D1: how settled attempts get in, exactly once, and how they are read. */
import type { OutboxRow } from '../domain/budget/budget.ts';

/** Rollups are kept per quarter of an hour, in unix seconds. */
export const ROLLUP_SECONDS = 900;

/** The dimensions a row counts in, each pair once: rollup sums of 'team' equal the ledger. */
export function dimensionsOf({ settlement }: OutboxRow): [dimension: string, key: string][] {
  const { subject, provider, model } = settlement;
  const dimensions: [string, string][] = [
    ['team', ''],
    ['model', model],
    // what a provider's invoice is compared with
    ['provider_model', `${provider}/${model}`],
  ];
  if (subject.promptId) dimensions.push(['prompt', subject.promptId]);
  if (subject.workflowId) dimensions.push(['workflow', subject.workflowId]);
  if (subject.memberId) dimensions.push(['member', subject.memberId]);
  if (subject.keyId) dimensions.push(['key', subject.keyId]);
  for (const group of new Set(subject.groupIds)) dimensions.push(['group', group]);
  for (const tag of new Set(subject.tags)) dimensions.push(['tag', tag]);
  return dimensions;
}

/** One outbox row as flat JSON, the shape the three statements below read. */
function flat(row: OutboxRow, id: string) {
  const { settlement: s, seq, at } = row;
  return {
    id,
    seq,
    at,
    start: Math.floor(Date.parse(at) / 1000 / ROLLUP_SECONDS) * ROLLUP_SECONDS,
    billed: s.billed ? 1 : 0,
    runId: s.runId,
    attempt: s.attempt,
    status: s.status,
    source: s.source,
    flags: JSON.stringify(s.flags),
    executionType: s.executionType,
    provider: s.provider,
    model: s.model,
    inputTokens: s.usage.inputTokens,
    cacheReadTokens: s.usage.cacheReadTokens,
    cacheWriteTokens: s.usage.cacheWriteTokens + s.usage.cacheWrite1hTokens,
    outputTokens: s.usage.outputTokens,
    reasoningTokens: s.usage.reasoningTokens,
    cost: s.billed ? s.costNanoUsd : 0,
    saved: s.savedNanoUsd ?? null,
    priced: s.priced ? 1 : 0,
    priceId: s.priceId,
    promptId: s.subject.promptId ?? null,
    promptVersion: s.subject.promptVersion ?? null,
    workflowId: s.subject.workflowId ?? null,
    executionId: s.subject.executionId ?? null,
    nodeId: s.subject.nodeId ?? null,
    memberId: s.subject.memberId ?? null,
    keyId: s.subject.keyId ?? null,
    groupIds: JSON.stringify([...new Set(s.subject.groupIds)]),
    tags: JSON.stringify([...new Set(s.subject.tags)]),
    usage: JSON.stringify(s.usage),
    rawUsage: s.rawUsage,
    latencyMs: Math.round(s.latencyMs),
    error: s.error ?? null,
    // what GET /api/runs/:id tells of an attempt that the ledger does not, or not why it failed
    failed: s.status === 'succeeded' ? null : failedAttemptOf(row),
    dimensions: dimensionsOf(row),
  };
}

/** Rows are carried in order, so those up to the checkpoint were carried before, also where retention has removed them since. */
const CHECKPOINT_SEQ = `coalesce((SELECT seq FROM ledger_checkpoint WHERE team_id = ?1), 0)`;
const failedAttemptOf = ({ settlement: s, at }: OutboxRow) => ({
  attempt: s.attempt,
  provider: s.provider,
  model: s.model,
  status: s.status,
  billed: s.billed,
  error: s.error?.slice(0, 300) ?? null,
  latencyMs: Math.round(s.latencyMs),
  at,
});

/** Only rows that are not in the ledger yet: that is why it must run before the ledger's own insert. */
const ADD_TO_ROLLUPS = `
INSERT INTO rollup (team_id, dimension, key, start, runs, input_tokens, output_tokens, cost_nano_usd)
SELECT ?1, d.value ->> 0, d.value ->> 1, r.value ->> 'start', sum(r.value ->> 'executionType' <> 'adjustment'),
  sum(r.value ->> 'inputTokens'), sum(r.value ->> 'outputTokens'), sum(r.value ->> 'cost')
FROM json_each(?2) AS r, json_each(r.value, '$.dimensions') AS d
WHERE r.value ->> 'billed' = 1 AND r.value ->> 'seq' > ${CHECKPOINT_SEQ} AND NOT EXISTS (
  SELECT 1 FROM ledger AS l
  WHERE l.team_id = ?1 AND l.run_id = r.value ->> 'runId' AND l.attempt = r.value ->> 'attempt')
GROUP BY 2, 3, 4
ON CONFLICT (team_id, dimension, start, key) DO UPDATE SET
  runs = runs + excluded.runs,
  input_tokens = input_tokens + excluded.input_tokens,
  output_tokens = output_tokens + excluded.output_tokens,
  cost_nano_usd = cost_nano_usd + excluded.cost_nano_usd`;

/** Answers from the cache are in no ledger: hits and what they saved stand in dimensions of their own (`cache:team`). Their run, which comes after this, tells whether they were counted. */
const ADD_HITS_TO_ROLLUPS = `
INSERT INTO rollup (team_id, dimension, key, start, runs, input_tokens, output_tokens, cost_nano_usd)
SELECT ?1, 'cache:' || (d.value ->> 0), d.value ->> 1, r.value ->> 'start', count(*), 0, 0, sum(r.value ->> 'saved')
FROM json_each(?2) AS r, json_each(r.value, '$.dimensions') AS d
WHERE r.value ->> 'saved' IS NOT NULL AND NOT EXISTS (
  SELECT 1 FROM run WHERE run.team_id = ?1 AND run.id = r.value ->> 'runId' AND run.last_seq >= r.value ->> 'seq')
GROUP BY 2, 3, 4
ON CONFLICT (team_id, dimension, start, key) DO UPDATE SET
  runs = runs + excluded.runs,
  cost_nano_usd = cost_nano_usd + excluded.cost_nano_usd`;

const ADD_TO_LEDGER = `
INSERT INTO ledger (id, team_id, seq, run_id, attempt, status, source, flags, execution_type, provider, model,
  input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens, cost_nano_usd, priced, price_id,
  prompt_id, prompt_version, workflow_id, execution_id, node_id, member_id, key_id, group_ids, tags, usage_json, raw_usage,
  latency_ms, created_at)
SELECT value ->> 'id', ?1, value ->> 'seq', value ->> 'runId', value ->> 'attempt', value ->> 'status', value ->> 'source',
  value ->> 'flags', value ->> 'executionType', value ->> 'provider', value ->> 'model',
  value ->> 'inputTokens', value ->> 'cacheReadTokens', value ->> 'cacheWriteTokens', value ->> 'outputTokens',
  value ->> 'reasoningTokens', value ->> 'cost', value ->> 'priced', value ->> 'priceId',
  value ->> 'promptId', value ->> 'promptVersion', value ->> 'workflowId', value ->> 'executionId', value ->> 'nodeId',
  value ->> 'memberId', value ->> 'keyId', value ->> 'groupIds', value ->> 'tags', value ->> 'usage', value ->> 'rawUsage',
  value ->> 'latencyMs', value ->> 'at'
FROM json_each(?2) WHERE value ->> 'billed' = 1 AND value ->> 'seq' > ${CHECKPOINT_SEQ}
ON CONFLICT DO NOTHING`;

/** One row per run: its attempts are added up, its newest attempt names its end. An adjustment is no run. */
const ADD_TO_RUNS = `
INSERT INTO run (id, team_id, status, execution_type, provider, model, attempts, input_tokens, output_tokens, cost_nano_usd,
  saved_nano_usd, latency_ms, error, prompt_id, prompt_version, workflow_id, execution_id, node_id, member_id, key_id, group_ids, tags,
  failed_attempts, last_seq, created_at)
SELECT value ->> 'runId', ?1, value ->> 'status', value ->> 'executionType', value ->> 'provider', value ->> 'model', 1,
  value ->> 'inputTokens', value ->> 'outputTokens', value ->> 'cost', value ->> 'saved', value ->> 'latencyMs', value ->> 'error',
  value ->> 'promptId', value ->> 'promptVersion', value ->> 'workflowId', value ->> 'executionId', value ->> 'nodeId',
  value ->> 'memberId', value ->> 'keyId', value ->> 'groupIds', value ->> 'tags',
  CASE WHEN value ->> 'failed' IS NOT NULL THEN json_array(value -> 'failed') END, value ->> 'seq', value ->> 'at'
FROM json_each(?2) WHERE value ->> 'executionType' <> 'adjustment'
ON CONFLICT (team_id, id) DO UPDATE SET
  status = excluded.status, provider = excluded.provider, model = excluded.model, error = excluded.error,
  attempts = attempts + 1,
  input_tokens = input_tokens + excluded.input_tokens,
  output_tokens = output_tokens + excluded.output_tokens,
  cost_nano_usd = cost_nano_usd + excluded.cost_nano_usd,
  latency_ms = latency_ms + excluded.latency_ms,
  failed_attempts = CASE
    WHEN excluded.failed_attempts IS NULL OR json_array_length(run.failed_attempts) >= 50 THEN run.failed_attempts
    ELSE json_insert(coalesce(run.failed_attempts, '[]'), '$[#]', excluded.failed_attempts -> '$[0]') END,
  last_seq = excluded.last_seq
WHERE excluded.last_seq > run.last_seq`;

/** Writes outbox rows of one team to ledger, rollups and runs in one transaction. Rows that are there already change nothing. */
export async function carryToLedger(
  db: D1Database,
  teamId: string,
  { rows, newId }: { rows: readonly OutboxRow[]; newId: () => string },
): Promise<void> {
  if (rows.length === 0) return;
  const json = JSON.stringify(rows.map((row) => flat(row, newId())));
  const hits = rows.some(({ settlement }) => settlement.savedNanoUsd !== undefined);
  await db.batch(
    [ADD_TO_ROLLUPS, ...(hits ? [ADD_HITS_TO_ROLLUPS] : []), ADD_TO_LEDGER, ADD_TO_RUNS].map((sql) =>
      db.prepare(sql).bind(teamId, json),
    ),
  );
}
