/** Usage of calls that were made elsewhere: what a row may say, and how rows are priced and booked like our own calls, each once per runId. */
import { z } from '@hono/zod-openapi';
import type { CallSubject, ExecutionType, Settlement } from '../../domain/budget/budget.ts';
import { costOf, isContradictory } from '../../domain/cost/cost.ts';
import { usageSchema } from '../../domain/cost/usage.ts';
import type { Issue, Refusal } from '../../domain/refusal.ts';
import type { Services } from '../../services.ts';
import { groupsOfMembers } from '../../store/groups.ts';
import { ledgerCostsOf } from '../../store/ledger-page.ts';
import { namesOf } from '../../store/nouns.ts';
import { overridesOf } from '../../store/prices.ts';
import { Refused } from '../errors.ts';
import type { Actor } from '../routes.ts';
import { instant } from './instant.ts';

const EXECUTION_TYPES = [
  'gateway',
  'prompt',
  'workflow',
  'external',
  'evaluation',
  'assistant',
] as const satisfies ExecutionType[];
const EARLIEST = '2020-01-01T00:00:00.000Z';
const CLOCK_SKEW_MS = 5 * 60_000;
/** Settlements of one transaction of the team's object. */
const AT_ONCE = 500;
const ATTEMPT = 1;

const tokens = z.int().min(0).max(1_000_000_000);
export const usageLog = z.strictObject({
  model: z.string().min(1).max(200),
  inputTokens: tokens,
  outputTokens: tokens,
  cacheReadTokens: tokens.default(0),
  cacheWriteTokens: tokens.default(0),
  reasoningTokens: tokens.default(0),
  executionType: z.enum(EXECUTION_TYPES).default('external'),
  promptId: z.string().min(1).max(200).optional(),
  runId: z
    .string()
    .regex(/^[\w.:-]{1,200}$/, 'letters, digits and . : _ - only')
    .optional(),
  memberId: z.string().min(1).max(200).optional(),
  tags: z.array(z.string().min(1).max(200)).max(20).default([]),
  occurredAt: instant.optional(),
});
export type UsageLog = z.infer<typeof usageLog>;

export interface Booked {
  runId: string;
  costNanoUsd: number;
  priced: boolean;
}
/** What became of one row; a refusal (no price under a budget) concerns this row alone. */
export type RowOutcome = { ok: true; booked: Booked } | { ok: false; refusal: Refusal };

/** Books rows in order; throws Refused, and books none, when any is malformed. `pathOf` names a row in issues. */
export async function bookUsage(
  services: Services,
  actor: Actor,
  { rows, pathOf }: { rows: readonly UsageLog[]; pathOf(index: number): string },
): Promise<RowOutcome[]> {
  const { db, judge, newId, now, prices } = services;
  const { teamId } = actor;
  await refuseMalformed(services, teamId, { rows, pathOf });
  const overrides = await overridesOf(services, teamId);
  const nowIso = new Date(now()).toISOString();
  // The object forgets after a month which attempts it settled; the ledger does not.
  const known = rows.flatMap(({ runId }) => (runId === undefined ? [] : [runId]));
  const costs = await ledgerCostsOf(db, teamId, { runIds: known, attempt: ATTEMPT });

  const groupsOf = await groupsOfMembers(db, distinct(rows.map((row) => row.memberId)));
  const settlements = rows.map((row): Settlement => {
    const occurredAt = row.occurredAt ?? nowIso;
    const ref = prices.resolve(row.model, [], overrides) ?? { provider: 'external', model: row.model };
    const price = prices.lookup(ref.provider, ref.model, occurredAt, overrides);
    const usage = usageSchema.parse(row);
    return {
      runId: row.runId ?? newId('run'),
      attempt: ATTEMPT,
      subject: subjectOf(row, actor, groupsOf),
      ...ref,
      executionType: row.executionType,
      status: 'succeeded',
      billed: true,
      costNanoUsd: price ? costOf(usage, price) : 0,
      usage,
      source: 'external',
      flags: [],
      priced: price !== null,
      priceId: price?.id ?? null,
      rawUsage: null,
      latencyMs: 0,
      occurredAt,
    };
  });
  const fresh = settlements.filter(({ runId }) => !costs.has(runId));
  const refusals = await refusalsOfUnpriced(services, teamId, fresh);
  const toBook = fresh.filter((one) => !refusals.has(one));
  const settled = new Map<Settlement, number>();
  for (let start = 0; start < toBook.length; start += AT_ONCE) {
    const part = toBook.slice(start, start + AT_ONCE);
    const answers =
      part.length === 1
        ? [await judge(teamId).settle(part[0]!)]
        : await services.team(teamId).settleMany(part);
    part.forEach((one, at) => settled.set(one, answers[at]!.costNanoUsd));
  }
  return settlements.map((one): RowOutcome => {
    const refusal = refusals.get(one);
    if (refusal) return { ok: false, refusal };
    const costNanoUsd = settled.get(one) ?? costs.get(one.runId)!;
    return { ok: true, booked: { runId: one.runId, costNanoUsd, priced: one.priced } };
  });
}

/** A row counts to the groups of the key that sent it and of the member it names; without a name, to its sender's own. */
function subjectOf(row: UsageLog, actor: Actor, groupsOf: ReadonlyMap<string, string[]>): CallSubject {
  const { teamId, keyId, memberId, keyTags, groupIds } = actor;
  const another = row.memberId !== undefined && row.memberId !== memberId ? row.memberId : null;
  return {
    teamId,
    keyId: keyId ?? undefined,
    memberId: row.memberId ?? memberId ?? undefined,
    promptId: row.promptId,
    groupIds:
      another === null
        ? groupIds
        : [...new Set([...(keyId === null ? [] : groupIds), ...(groupsOf.get(another) ?? [])])],
    tags: [...new Set([...keyTags, ...row.tags])],
  };
}

async function refuseMalformed(
  { env, now }: Services,
  teamId: string,
  { rows, pathOf }: { rows: readonly UsageLog[]; pathOf(index: number): string },
): Promise<void> {
  const issues: Issue[] = [];
  const names = {
    prompt: await namesOf(env.DB, teamId, { type: 'prompt', ids: distinct(rows.map((row) => row.promptId)) }),
    member: await namesOf(env.DB, teamId, { type: 'member', ids: distinct(rows.map((row) => row.memberId)) }),
  };
  rows.forEach((row, index) => {
    const wrong = (field: string, message: string) => issues.push({ path: pathOf(index) + field, message });
    if (isContradictory(usageSchema.parse(row)))
      wrong('inputTokens', 'is less than the cached tokens, which are part of it');
    if (row.reasoningTokens > row.outputTokens)
      wrong('reasoningTokens', 'is more than outputTokens, of which it is a part');
    if (row.occurredAt !== undefined && Date.parse(row.occurredAt) > now() + CLOCK_SKEW_MS)
      wrong('occurredAt', 'lies in the future');
    if (row.occurredAt !== undefined && row.occurredAt < EARLIEST)
      wrong('occurredAt', `lies before ${EARLIEST}`);
    for (const type of ['prompt', 'member'] as const) {
      const id = row[`${type}Id`];
      if (id !== undefined && !names[type].has(id))
        wrong(`${type}Id`, `there is no such ${type} in this team`);
    }
  });
  if (issues.length > 0) throw new Refused({ reason: 'invalid', issues });
}

/** A budget cannot cover what has no price (B14). Rows of the same subject and model share one question; its hold ends with the settlement. */
async function refusalsOfUnpriced(
  { judge }: Services,
  teamId: string,
  settlements: readonly Settlement[],
): Promise<Map<Settlement, Refusal>> {
  const groups = new Map<string, Settlement[]>();
  for (const one of settlements)
    if (!one.priced) {
      const key = JSON.stringify([one.subject, one.provider, one.model]);
      groups.set(key, [...(groups.get(key) ?? []), one]);
    }
  const refusals = new Map<Settlement, Refusal>();
  for (const group of groups.values()) {
    const { runId, attempt, subject, provider, model, executionType } = group[0]!;
    const admission = await judge(teamId).reserve({
      ...{ runId, attempt, subject, provider, model, executionType },
      ceilingNanoUsd: null,
      inputNanoUsd: 0,
      clampable: false,
      dispatching: false,
      ttlMs: 60_000,
    });
    if (!admission.ok) for (const one of group) refusals.set(one, admission.error);
  }
  return refusals;
}

const distinct = (ids: readonly (string | undefined)[]): string[] => [
  ...new Set(ids.filter((id) => id !== undefined)),
];
