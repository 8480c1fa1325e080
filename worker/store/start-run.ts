/** The one way a run begins, whoever starts it: its row is written, then it is enqueued, or stands in line where its workflow limits its runs. */
import type { Definition } from '../domain/workflow/definition.ts';
import type { Refusal } from '../domain/refusal.ts';
import { err, ok, type Result } from '../domain/result.ts';
import type { Pins } from '../domain/workflow/run.ts';
import type { CoreServices } from '../services.ts';
import { enqueueExecution } from './execution-queue.ts';
import { insertExecution } from './executions.ts';
import { grantSlots, isLineFull, MAX_QUEUED } from './slots.ts';
import { hashDefinition } from './workflows.ts';

export interface Start {
  /** given by whoever may start the same run twice and means it once; absent = a new one */
  executionId?: string;
  teamId: string;
  workflowId: string;
  /** null = the draft */
  version: number | null;
  definition: Definition;
  /** where it is known */
  definitionHash?: string;
  trigger: string;
  input: unknown;
  keyId: string | null;
  memberId: string | null;
  groupIds: string[];
  /** absent = what the definition says */
  budgetNanoUsd?: number | null;
  pins?: Pins;
  /** the step of another execution that calls it; a repeated call finds what the first one started */
  parent?: { executionId: string; key: string; depth: number };
  replay?: { executionId: string; fromNodeId: string | null };
}

/** Accepted once this returns: nothing is lost from here on. Refused only when the line is full. */
export async function startRun(
  { db, env, newId, now }: Pick<CoreServices, 'db' | 'env' | 'newId' | 'now'>,
  start: Start,
): Promise<Result<{ executionId: string }, Refusal>> {
  const { definition, parent, replay } = start;
  const maxConcurrent = definition.settings.maxConcurrent ?? null;
  if (maxConcurrent !== null && (await isLineFull(db, start.workflowId, now())))
    return err({
      reason: 'rate_limited',
      message: `${MAX_QUEUED} runs of this workflow stand in line already.`,
      retryAfterSeconds: 60,
    });
  const at = new Date(now()).toISOString();
  const executionId = await insertExecution(
    { db, files: env.FILES },
    {
      id: start.executionId ?? newId('execution'),
      teamId: start.teamId,
      workflowId: start.workflowId,
      version: start.version,
      definitionHash: start.definitionHash ?? (await hashDefinition(definition)),
      status: 'queued',
      trigger: start.trigger,
      input: start.input ?? null,
      keyId: start.keyId,
      memberId: start.memberId,
      groupIds: start.groupIds,
      budgetNanoUsd:
        start.budgetNanoUsd === undefined ? (definition.settings.budgetNanoUsd ?? null) : start.budgetNanoUsd,
      createdAt: at,
      wakeAt: at,
      maxConcurrent,
      pins: start.pins && Object.keys(start.pins).length > 0 ? start.pins : null,
      ...(parent
        ? { parentExecutionId: parent.executionId, parentKey: parent.key, depth: parent.depth }
        : {}),
      ...(replay ? { replayOf: replay.executionId, fromNodeId: replay.fromNodeId } : {}),
    },
    definition,
  );
  // a message that is not sent now is found by the sweeper: the row is there
  if (maxConcurrent === null) await enqueueExecution(env, executionId).catch(() => {});
  else await grantSlots(env, start.workflowId, now()).catch(() => {});
  return ok({ executionId });
}
