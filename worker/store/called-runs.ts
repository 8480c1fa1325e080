/** Workflows as steps of others: how a called run is begun, how it ended, and what becomes of it when its caller is gone. */
import { and, asc, eq, isNotNull, isNull, ne } from 'drizzle-orm';
import { alias } from 'drizzle-orm/sqlite-core';
import type { NodeContext, NodeFailure } from '../domain/contracts/node.ts';
import { err, type Result } from '../domain/result.ts';
import type { Definition } from '../domain/workflow/definition.ts';
import { failureOf } from '../domain/workflow/failure.ts';
import type { CalledRun } from '../domain/workflow/run.ts';
import type { CoreServices } from '../services.ts';
import { loadOrders } from './executions.ts';
import { runObject } from './run-object.ts';
import { definition, execution, output } from './schema.ts';
import { startRun } from './start-run.ts';

type Needs = Pick<CoreServices, 'db' | 'env' | 'newId' | 'now'>;
const MAX_OUTPUTS = 1_000;
const MAX_OUTPUT_CHARS = 1_000_000;

/** Begins the version that was pinned when the caller began; asked again for the same step, it finds what it began. */
export async function callWorkflow(
  services: Needs,
  context: NodeContext,
  { workflowId, input }: { workflowId: string; input: unknown },
): Promise<Result<{ executionId: string }, NodeFailure>> {
  const refused = (message: string) => err({ reason: 'refused' as const, field: 'workflowId', message });
  const pin = context.pins[workflowId];
  if (!pin) return refused(`The workflow "${workflowId}" was not published when this run began.`);
  const row = await services.db.query.definition.findFirst({
    where: and(eq(definition.teamId, context.teamId), eq(definition.hash, pin.hash)),
  });
  if (!row) return refused(`There is no workflow "${workflowId}".`);
  const started = await startRun(services, {
    teamId: context.teamId,
    workflowId,
    version: pin.version,
    definition: row.body as Definition,
    definitionHash: pin.hash,
    trigger: 'workflow',
    input,
    keyId: context.keyId,
    memberId: context.memberId,
    groupIds: context.groupIds,
    pins: context.pins,
    parent: { executionId: context.executionId, key: context.idempotencyKey, depth: context.depth + 1 },
  });
  return started.ok ? started : err(failureOf(started.error));
}

/** How it ended; null while it goes, or while a person is to decide about it. */
export async function calledRun({ db }: Pick<Needs, 'db'>, executionId: string): Promise<CalledRun | null> {
  const row = await db.query.execution.findFirst({ where: eq(execution.id, executionId) });
  if (row && (row.endedAt === null || row.status === 'needs_review')) return null;
  const { inputTokens = 0, outputTokens = 0, costNanoUsd = 0 } = row ?? {};
  const spend = { inputTokens, outputTokens, costNanoUsd };
  const failed = (message: string) => ({ failure: { message }, outputs: {}, spend });
  if (!row) return failed('The execution it called is gone.');
  if (row.status !== 'completed') {
    const why = (row.error as { message?: string } | null)?.message;
    return failed(
      `The workflow it called ${row.status === 'cancelled' ? 'was cancelled' : `failed: ${why}`}`,
    );
  }
  const rows = await db
    .select({
      nodeId: output.nodeId,
      itemKey: output.itemKey,
      itemIndex: output.itemIndex,
      value: output.value,
    })
    .from(output)
    .where(eq(output.executionId, executionId))
    .orderBy(asc(output.id))
    .limit(MAX_OUTPUTS + 1);
  if (rows.length > MAX_OUTPUTS)
    return failed(`The workflow it called gave more than ${MAX_OUTPUTS} outputs.`);
  const outputs: Record<string, unknown> = {};
  const inItems = rows
    .filter(({ itemKey }) => itemKey !== '')
    .toSorted((a, b) => byPath(a.itemKey, b.itemKey));
  for (const { nodeId, value } of inItems) ((outputs[nodeId] ??= []) as unknown[]).push(value);
  for (const { nodeId, itemKey, value } of rows) if (itemKey === '') outputs[nodeId] = value;
  if (JSON.stringify(outputs).length > MAX_OUTPUT_CHARS)
    return failed('The workflow it called gave more than 1 MB of outputs.');
  return { failure: null, outputs, spend };
}

/** "2.10" after "2.9". */
function byPath(a: string, b: string): number {
  const [x, y] = [a.split('.').map(Number), b.split('.').map(Number)];
  for (let at = 0; at < Math.min(x.length, y.length); at++) if (x[at] !== y[at]) return x[at]! - y[at]!;
  return x.length - y.length;
}

export async function cancelRun({ db, env }: Pick<Needs, 'db' | 'env'>, executionId: string): Promise<void> {
  const order = (await loadOrders({ db, files: env.FILES }, [executionId])).get(executionId);
  if (order) await runObject(env, executionId).cancel(order);
}

/** Open runs whose caller has ended: nobody waits for them any more. */
export async function orphans({ db }: Pick<Needs, 'db'>, limit: number): Promise<string[]> {
  const caller = alias(execution, 'caller');
  const rows = await db
    .select({ id: execution.id })
    .from(execution)
    .innerJoin(caller, eq(caller.id, execution.parentExecutionId))
    .where(
      and(
        isNull(execution.endedAt),
        isNotNull(execution.parentExecutionId),
        isNotNull(caller.endedAt),
        ne(caller.status, 'needs_review'),
      ),
    )
    .limit(limit);
  return rows.map(({ id }) => id);
}

/** Runs called by this one that wait for money ask again, and those that they called. */
export async function resumeCalled(
  { db, env }: Pick<Needs, 'db' | 'env'>,
  executionId: string,
): Promise<void> {
  const children = await db
    .select({ id: execution.id, status: execution.status })
    .from(execution)
    .where(and(eq(execution.parentExecutionId, executionId), isNull(execution.endedAt)));
  for (const { id, status } of children) {
    const order = (await loadOrders({ db, files: env.FILES }, [id])).get(id);
    if (order && status === 'paused_budget') await runObject(env, id).resume(order, {});
    await resumeCalled({ db, env }, id);
  }
}
