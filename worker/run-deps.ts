/** What runs are made with: the services as the run's object and the node kinds ask for them. */
import { WRITE_OPERATIONS, writableKinds } from './connectors/registry.ts';
import { failureOfStatus, neverArrived } from './domain/call/arrival.ts';
import { redact } from './domain/guard/redact.ts';
import { err, ok } from './domain/result.ts';
import type { RunDeps } from './domain/workflow/run.ts';
import type { ActionDeps } from './nodes/action.ts';
import type { NotifyDeps } from './nodes/notify.ts';
import type { PromptDeps } from './nodes/prompt.ts';
import { evaluators, nodeKinds, type NodeDeps } from './nodes/registry.ts';
import { directMessages } from './notify-deps.ts';
import type { Services } from './services.ts';
import { earlierRun, putArchive } from './store/archive.ts';
import { calledRun, callWorkflow, cancelRun } from './store/called-runs.ts';
import { mayReach } from './store/connections.ts';
import { findDataSource, readRows } from './store/data-sources.ts';
import { recordRun } from './store/executions.ts';
import { copyLargeOutput, putLargeOutput, readLargeOutput, readLargeText } from './store/large-outputs.ts';
import { runObject } from './store/run-object.ts';
import { grantSlots } from './store/slots.ts';
import { CouldNotAsk } from './store/judge.ts';
import type { NoticeMessage } from './store/notices.ts';

export function runDeps(services: Services): RunDeps {
  const { env, db, now, newId, team, providerDeps } = services;
  const nodeDeps: NodeDeps = {
    runPrompt: promptRunner(services),
    readRows: (query) => readRows({ db, files: env.FILES }, query),
    fetch: providerDeps.fetch,
    listens: providerDeps.listens,
    mayReach: (url) => mayReach(services, url),
    callWorkflow: (context, call) => callWorkflow(services, context, call),
    notify: notifier(services),
    ...writer(services),
  };
  return {
    now,
    dice: () => Math.random(),
    token: () => crypto.randomUUID(),
    newOutputId: () => newId('output'),
    kinds: nodeKinds,
    expressions: evaluators,
    nodeDeps,
    abandon: (teamId, runId, beforeAttempt) => team(teamId).abandon(runId, beforeAttempt),
    async record(record) {
      const { toTell, ...held } = await recordRun(env.DB, record, now());
      // a message that is not sent now is found by the sweeper: the row is there
      if (toTell)
        await env.NOTICES.send({ endedRun: record.executionId } satisfies NoticeMessage).catch(() => {});
      return held;
    },
    grantSlots: (workflowId) => grantSlots(env, workflowId, now()),
    putOutput: (at, json) => putLargeOutput(env.FILES, at, json),
    copyOutput: (key, at) => copyLargeOutput(env.FILES, key, at),
    readOutput: (key) => readLargeOutput(env.FILES, key),
    readOutputText: (key) => readLargeText(env.FILES, key),
    archive: (executionId, lines) => putArchive(env.FILES, executionId, lines),
    earlierRun: (executionId) => earlierRun({ db, env }, executionId),
    calledRun: (executionId) => calledRun(services, executionId),
    tellCaller: (callerId, executionId) => runObject(env, callerId).called(executionId),
    cancelRun: (executionId) => cancelRun(services, executionId),
    publish: (teamId, message) => team(teamId).publish(message),
  };
}

/** What a try of a message means for the node that sends it (engine.md rule 5). */
function notifier(services: Services): NotifyDeps['notify'] {
  const send = directMessages(services);
  return async function notify(message) {
    const failed = (reason: 'refused' | 'not_sent' | 'unknown', text: string) =>
      err({ reason, message: redact(text) });
    try {
      const result = await send(message);
      if (result.ok) return ok({ id: message.id });
      const text = result.code === null ? result.text : `It answered ${result.code}: ${result.text}`;
      if (result.permanent) return failed('refused', text);
      // SMTP: a 4xx is "not now" before anything was taken
      const mailed = message.channel === 'email' && result.code !== null && result.code < 500;
      const reason = result.code === null ? 'unknown' : mailed ? 'not_sent' : failureOfStatus(result.code);
      const retryAfterMs = result.retryAfterMs ?? undefined;
      return err({ reason, message: redact(text), ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      return failed(
        error instanceof Error && neverArrived(error) ? 'not_sent' : 'unknown',
        `No answer: ${text}`,
      );
    }
  };
}

/** The write operations of connectors (worker/connectors/registry.ts), found by the kind of the data source. */
function writer({ db, providerDeps, vars }: Services): ActionDeps {
  const refused = (field: string, message: string) => err({ reason: 'refused' as const, field, message });
  return {
    writableKinds,
    async write({ teamId, idempotencyKey, signal }, { dataSourceId, operation, params }) {
      const source = await findDataSource(db, teamId, dataSourceId);
      if (!source) return refused('dataSourceId', `there is no data source "${dataSourceId}"`);
      const found = WRITE_OPERATIONS.find(
        ({ sourceKind, name }) => sourceKind === source.kind && name === operation,
      );
      if (!found) return refused('operation', `"${source.name}" has no operation "${operation}"`);
      const parsed = found.paramsSchema.safeParse(params);
      if (!parsed.success) {
        const issue = parsed.error.issues[0]!;
        return refused(`params.${issue.path.join('.')}`, issue.message);
      }
      const reach = (url: string) => mayReach({ vars }, url);
      return await found.write(parsed.data, source, {
        teamId,
        idempotencyKey,
        signal,
        fetch: providerDeps.fetch,
        mayReach: reach,
      });
    },
  };
}

/** A prompt node's call; a budget that could not be asked is a refusal here, since nothing was sent. */
function promptRunner({ runPrompt }: Services): PromptDeps['runPrompt'] {
  return async (call) => {
    try {
      return await runPrompt(call);
    } catch (error) {
      if (error instanceof CouldNotAsk) return err({ reason: 'budget_unavailable' });
      throw error;
    }
  };
}
