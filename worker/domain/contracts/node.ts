/**
 * What a node kind must be. One file in worker/nodes, one registry line, one test that calls the contract suite.
 * Palette, inspector, edge checks and docs come from it (GET /api/node-types).
 */
import type { z } from 'zod';
import type { Issue, Refusal } from '../refusal.ts';
import type { Result } from '../result.ts';
import type { Caller } from '../budget/budget.ts';
import type { Expressions } from '../workflow/expression.ts';
import type { Pins } from '../workflow/run.ts';
import type { NodeWait } from '../workflow/state.ts';

/** engine.md rule 5. `refused` = no retry, `not_sent` = safe to retry, `unknown` = may have happened, `over_budget` = pause the run. */
export type NodeFailure =
  | {
      reason: 'refused' | 'not_sent' | 'unknown';
      message: string;
      field?: string;
      position?: number;
      retryAfterMs?: number;
      /** what a failed attempt was billed all the same */
      spend?: NodeSpend;
    }
  | { reason: 'over_budget'; refusal: Refusal };

export interface NodeSpend {
  inputTokens: number;
  outputTokens: number;
  costNanoUsd: number;
}

/** What a node run gives: its output, the handle its successors hang on (condition: 'true' / 'false'), what it spent. */
export interface NodeOutcome {
  output: unknown;
  /** instead of `output`, where that is more than should stand in memory: its JSON, piece by piece; a failure among them is the node's */
  json?: AsyncIterable<Result<string, NodeFailure>>;
  handle?: string;
  spend?: NodeSpend;
  logs?: string[];
  /** to be kept as one of the workflow's outputs; written once by (execution, node, item) */
  stored?: { value: unknown; tags: string[] };
  /**
   * nothing more to do but to wait, without a lease: until then (null = without end) the node's output is not there. What has
   * passed already is not waited for
   */
  wait?: { for: NodeWait; untilMs: number | null };
}

export interface NodeType<Config = unknown, Deps = unknown> {
  kind: string;
  label: string;
  /** one sentence for the palette */
  description: string;
  category: 'trigger' | 'data' | 'ai' | 'logic' | 'output' | 'action';
  /** lucide icon name */
  icon: string;
  configSchema: z.ZodType<Config>;
  /** the config a node has when it is dropped on the canvas */
  defaultConfig: Record<string, unknown>;
  /** fields of config that hold a JSONata expression (not a template) */
  expressionFields: readonly string[];
  /** fields of config that hold a template when there is `{{` in them, else a JSONata expression */
  eitherFields?: readonly string[];
  /** source handles; one unnamed handle when empty */
  handles: readonly string[];
  /** for kinds whose handles follow from their config (switch) */
  handlesOf?(config: Record<string, unknown>): readonly string[];
  /** true = begins with its first live input and ignores later ones (merge); default false: it waits for all */
  joinsAny?(config: Record<string, unknown>): boolean;
  /** what comes in over an edge means nothing to it unless its config names it, so a large output is not brought to it; default false */
  ignoresInput?(config: Record<string, unknown>): boolean;
  /** 'inline' = pure and cheap, evaluated without a hop; 'io' = runs under a lease; 'scope' and 'wait' belong to the engine itself */
  execution: 'inline' | 'io' | 'scope' | 'wait';
  /** what the schema cannot say of a config, while it is being edited: each keeps a draft from running */
  problemsOf?(config: Record<string, unknown>): Issue[];
  /** may it safely run twice? (engine.md rule 5) */
  idempotent: boolean | ((config: Config) => boolean);
  paid: boolean;
  run(config: Config, context: NodeContext<Deps>): Promise<Result<NodeOutcome, NodeFailure>>;
}

export interface NodeContext<Deps = unknown> {
  teamId: string;
  workflowId: string;
  executionId: string;
  nodeId: string;
  /** indexes of enclosing maps, outermost first; [] outside */
  itemPath: number[];
  attempt: number;
  /** hash(execution, node, item): the same for every attempt */
  idempotencyKey: string;
  /** `{trigger, nodes, item, index, run, workflow}`, what expressions see */
  scope: Record<string, unknown>;
  /** the single incoming value (or the trigger's input) */
  input: unknown;
  /** every incoming value by the node it comes from, in the order of the edges: only ways that were gone */
  inputs: Record<string, unknown>;
  nowMs: number;
  /** workflows around this one: 0 = nobody called it */
  depth: number;
  /** definitions of the workflows it may call, as they were when the run began */
  pins: Pins;
  /** executions around this one, with what each may spend: theirs is spent, too */
  callers: Caller[];
  /** evaluates the kind's own expression fields */
  expressions: Expressions;
  /** what the run may still spend of its own budget is judged against this; null = none */
  budgetNanoUsd: number | null;
  /** tags of the workflow and of who started the run */
  tags: string[];
  keyId: string | null;
  memberId: string | null;
  /** groups of who started the run, as they were then */
  groupIds: string[];
  signal: AbortSignal;
  /** what is left of the node's time */
  timeoutMs: number;
  deps: Deps;
}

/** Keeps `kind` a literal, so that the registry's key type can be read off it. */
export const defineNode = <const Kind extends string, Config>(
  node: NodeType<Config> & { kind: Kind },
): NodeType<Config> & { kind: Kind } => node;
