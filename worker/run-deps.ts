/** What runs are made with: the services as the run's object and the node kinds ask for them. */
import type { PaidCallRequest } from './domain/call/paid-call.ts';
import { err, ok } from './domain/result.ts';
import type { RunDeps } from './domain/workflow/run.ts';
import type { PromptCall, PromptDeps } from './nodes/prompt.ts';
import { evaluators, nodeKinds, type NodeDeps } from './nodes/registry.ts';
import type { Services } from './services.ts';
import { readRows } from './store/data-sources.ts';
import { recordRun } from './store/executions.ts';
import { CouldNotAsk } from './store/judge.ts';

export function runDeps(services: Services): RunDeps {
  const { env, db, now, newId, team } = services;
  const nodeDeps: NodeDeps = {
    runPrompt: promptRunner(services),
    readRows: (query) => readRows({ db, files: env.FILES }, query),
  };
  return {
    now,
    dice: () => Math.random(),
    token: () => crypto.randomUUID(),
    newOutputId: () => newId('output'),
    kinds: nodeKinds,
    expressions: evaluators,
    nodeDeps,
    abandon: (teamId, runId, attempt) => team(teamId).abandon(runId, attempt),
    record: (record) => recordRun(env.DB, record),
    publish: (teamId, message) => team(teamId).publish(message),
  };
}

/** A prompt node's call as one paid call. */
function promptRunner({ paidCalls }: Services): PromptDeps['runPrompt'] {
  return async (call) => {
    try {
      const answer = await paidCalls.call(requestOf(call));
      if (!answer.ok) return err(answer.error);
      const { receipt, text } = answer.value;
      return ok({ text, usage: receipt.usage, costNanoUsd: receipt.costNanoUsd, model: receipt.model });
    } catch (error) {
      if (error instanceof CouldNotAsk) return err({ reason: 'budget_unavailable' });
      throw error;
    }
  };
}

function requestOf(call: PromptCall): PaidCallRequest {
  return {
    runId: call.runId,
    attempt: call.attempt,
    subject: call.subject,
    executionType: 'workflow',
    format: 'openai_chat',
    body: {
      model: call.model,
      messages: [
        ...(call.system ? [{ role: 'system', content: call.system }] : []),
        { role: 'user', content: call.prompt ?? '' },
      ],
      ...(call.maxTokens === undefined ? {} : { max_tokens: call.maxTokens }),
      ...(call.temperature === undefined ? {} : { temperature: call.temperature }),
      ...(call.responseSchema === undefined
        ? {}
        : {
            response_format: {
              type: 'json_schema',
              json_schema: { name: 'answer', schema: call.responseSchema },
            },
          }),
    },
    stream: false,
    clampable: false,
    executionLimitNanoUsd: call.executionLimitNanoUsd,
    onDisconnect: 'cancel',
    signal: call.signal,
    timeoutMs: call.timeoutMs,
  };
}
