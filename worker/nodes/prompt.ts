/** One paid call to a model: a prompt of the library or one written in place, under the run's budgets. */
import { z } from 'zod';
import type { CallSubject } from '../domain/budget/budget.ts';
import { defineNode, type NodeSpend } from '../domain/contracts/node.ts';
import type { Usage } from '../domain/cost/usage.ts';
import type { Refusal } from '../domain/refusal.ts';
import { err, ok, type Result } from '../domain/result.ts';
import { failureOf } from '../domain/workflow/failure.ts';

export interface PromptCall {
  /** (runId, attempt) is the identity of the call; runId is the same for every attempt of this node and item */
  runId: string;
  attempt: number;
  subject: CallSubject;
  promptId?: string;
  version?: number;
  label?: string;
  /** absent = the prompt's own */
  model?: string;
  /** models or routes to try when it fails, in order */
  fallback?: string[];
  /** final texts: no template is left in them */
  system?: string;
  prompt?: string;
  variables: Record<string, unknown>;
  temperature?: number;
  maxTokens?: number;
  responseSchema?: Record<string, unknown>;
  /** the run's own hard limit */
  executionLimitNanoUsd: number | null;
  signal: AbortSignal;
  timeoutMs: number;
}

export interface PromptAnswer {
  text: string;
  /** the parsed answer, when a responseSchema was given */
  json?: unknown;
  usage: Usage;
  /** of the whole call, failed attempts included */
  costNanoUsd: number;
  model: string;
  /** what the whole call used, failed attempts included */
  spend: NodeSpend;
}

export interface PromptDeps {
  runPrompt(call: PromptCall): Promise<Result<PromptAnswer, Refusal>>;
}

export const promptConfig = z
  .strictObject({
    promptId: z.string().min(1).max(100).optional(),
    version: z.int().min(1).optional(),
    label: z.string().min(1).max(64).optional(),
    model: z.string().min(1).max(200).optional(),
    system: z.string().max(200_000).optional(),
    prompt: z.string().max(200_000).optional(),
    variables: z.record(z.string(), z.unknown()).optional(),
    temperature: z.number().min(0).max(2).optional(),
    maxTokens: z.int().min(1).max(1_000_000).optional(),
    responseSchema: z.record(z.string(), z.unknown()).optional(),
    fallback: z.array(z.string().min(1).max(200)).max(5).optional(),
  })
  .superRefine((config, context) => {
    const lacks = (field: string, message: string) =>
      context.addIssue({ code: 'custom', path: [field], message });
    if (config.promptId === undefined && !config.prompt?.trim())
      lacks('prompt', 'write a prompt, or name one of the library with promptId');
    if (config.promptId === undefined && config.model === undefined) lacks('model', 'is missing');
    if (config.responseSchema !== undefined && !schemaOf(config.responseSchema))
      lacks('responseSchema', 'is not a JSON schema');
    if (config.version !== undefined && config.label !== undefined)
      lacks('label', 'give a version or a label, not both');
  });

export const prompt = defineNode({
  kind: 'prompt',
  label: 'Prompt',
  description: 'Asks a model, with a prompt of the library or one written here.',
  category: 'ai',
  icon: 'sparkles',
  configSchema: promptConfig,
  defaultConfig: {
    model: 'sandbox-small',
    prompt: 'Summarise in one sentence: {{ trigger }}',
    maxTokens: 256,
  },
  expressionFields: [],
  handles: [],
  ignoresInput: () => true,
  execution: 'io',
  idempotent: true,
  paid: true,
  async run(config, context) {
    const { runPrompt } = context.deps as PromptDeps;
    const { variables = {}, ...call } = config;
    const answer = await runPrompt({
      ...call,
      variables,
      runId: `run_${context.idempotencyKey}`,
      attempt: context.attempt,
      subject: {
        teamId: context.teamId,
        workflowId: context.workflowId,
        executionId: context.executionId,
        nodeId: context.nodeId,
        tags: context.tags,
        ...(context.callers.length > 0 ? { callers: context.callers } : {}),
        ...(context.keyId ? { keyId: context.keyId } : {}),
        ...(context.memberId ? { memberId: context.memberId } : {}),
        ...(context.groupIds.length > 0 ? { groupIds: context.groupIds } : {}),
      },
      executionLimitNanoUsd: context.budgetNanoUsd,
      signal: context.signal,
      timeoutMs: context.timeoutMs,
    });
    if (!answer.ok) return err(failureOf(answer.error));
    const { text, json, usage, costNanoUsd, model, spend } = answer.value;
    if (config.responseSchema === undefined)
      return ok({ output: { text, usage, costNanoUsd, model }, spend });
    const parsed = parseAnswer(text, json, config.responseSchema);
    if (!parsed.ok) return err({ reason: 'refused', field: 'responseSchema', message: parsed.error, spend });
    return ok({ output: { text, json: parsed.value, usage, costNanoUsd, model }, spend });
  },
});

/** A JSON schema as something that checks; null when it is none. */
function schemaOf(schema: Record<string, unknown>): z.ZodType | null {
  try {
    return z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]);
  } catch {
    return null;
  }
}

/** The answer as JSON that fits the schema; a message naming the place when it does not. */
function parseAnswer(text: string, json: unknown, schema: Record<string, unknown>): Result<unknown, string> {
  let value = json;
  if (value === undefined) {
    try {
      value = JSON.parse(text);
    } catch {
      return err(`the model's answer is not JSON: ${text.slice(0, 200)}`);
    }
  }
  const checked = schemaOf(schema)?.safeParse(value);
  if (!checked) return err('the response schema is not a JSON schema');
  if (checked.success) return ok(value);
  const issue = checked.error.issues[0]!;
  return err(`the model's answer does not fit the schema: ${issue.path.join('.') || 'it'}: ${issue.message}`);
}
