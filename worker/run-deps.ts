/** What runs are made with: the services as the run's object and the node kinds ask for them. */
import { err } from './domain/result.ts';
import type { RunDeps } from './domain/workflow/run.ts';
import type { PromptDeps } from './nodes/prompt.ts';
import { evaluators, nodeKinds, type NodeDeps } from './nodes/registry.ts';
import type { Services } from './services.ts';
import { mayReach } from './store/connections.ts';
import { readRows } from './store/data-sources.ts';
import { recordRun } from './store/executions.ts';
import { grantSlots } from './store/slots.ts';
import { CouldNotAsk } from './store/judge.ts';

export function runDeps(services: Services): RunDeps {
  const { env, db, now, newId, team, providerDeps } = services;
  const nodeDeps: NodeDeps = {
    runPrompt: promptRunner(services),
    readRows: (query) => readRows({ db, files: env.FILES }, query),
    fetch: providerDeps.fetch,
    listens: providerDeps.listens,
    mayReach: (url) => mayReach(services, url),
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
    record: (record) => recordRun(env.DB, record, now()),
    grantSlots: (workflowId) => grantSlots(env, workflowId, now()),
    publish: (teamId, message) => team(teamId).publish(message),
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
