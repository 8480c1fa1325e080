/** POST /api/workflows/:id/estimate: what a run of the draft (or of the definition sent) would cost. Nothing is reserved, nothing is sent. */
import { createRoute, z } from '@hono/zod-openapi';
import { maxOutputOf } from '../domain/cost/ceiling.ts';
import { estimateOf } from '../domain/cost/estimate.ts';
import { literalMessages, type PromptContent } from '../domain/prompt/template.ts';
import { definitionSchema, type Definition } from '../domain/workflow/definition.ts';
import { estimateRun, type CallEstimate } from '../domain/workflow/estimate.ts';
import { renderConfig } from '../domain/workflow/expression.ts';
import { planOf, TOP, type Plan, type PlanNode } from '../domain/workflow/plan.ts';
import { evaluators, nodeKinds } from '../nodes/registry.ts';
import type { Services } from '../services.ts';
import { readRows } from '../store/data-sources.ts';
import { outputTokensOfLastRuns } from '../store/estimate-history.ts';
import { firstModelOf } from '../store/model-routes.ts';
import { modelNamed } from '../store/named-model.ts';
import { overridesOf } from '../store/prices.ts';
import { loadPrompt } from '../store/prompts.ts';
import { findWorkflow } from '../store/workflows.ts';
import { answers, newRoutes, optionalJsonBody } from './routes.ts';
import { idParam, noWorkflow, requireSound } from './workflows.ts';

/** Items that prompts are rendered with, to see how long they are. */
const SAMPLE = 5;

const cost = z.object({ low: z.int(), expected: z.int(), high: z.int(), max: z.int() });
const answerSchema = z
  .object({
    /** low to high is the honest range; max is what reservations could hold in all */
    costNanoUsd: cost,
    nodes: z.array(
      z.object({
        nodeId: z.string(),
        /** expected calls in one run; null = not known */
        runs: z.int().nullable(),
        items: z.int().nullable(),
        perCallNanoUsd: cost.nullable(),
        costNanoUsd: cost.nullable(),
        basis: z.object({ kind: z.enum(['runs', 'rough']), runs: z.int() }),
      }),
    ),
    /** paid nodes whose cost nobody can tell yet */
    unknown: z.array(z.string()),
    /** part of the expected cost that rests on no past run, 0 to 1 */
    guessShare: z.number(),
    basis: z.object({
      kind: z.enum(['runs', 'rough']),
      runs: z.int(),
      confidence: z.enum(['good', 'fair', 'rough']),
    }),
    budgetNanoUsd: z.int().nullable(),
  })
  .openapi('WorkflowEstimate');

const bodySchema = z.strictObject({
  /** instead of the saved draft: what stands in the builder now */
  definition: definitionSchema.optional(),
  /** the input of the run, where prompts or maps depend on it */
  input: z.unknown().optional(),
});

export const workflowEstimate = newRoutes().openapi(
  createRoute({
    method: 'post',
    path: '/api/workflows/{id}/estimate',
    summary: 'What would a run cost?',
    ...optionalJsonBody(bodySchema, { params: idParam }),
    responses: answers(200, 'Per paid node and in all.', answerSchema),
  }),
  async (c) => {
    const { id } = c.req.valid('param');
    const { definition: sent, input } = c.req.valid('json');
    const services = c.get('services');
    const { teamId } = c.get('actor');
    const row = await findWorkflow(services.db, teamId, id);
    if (!row) throw noWorkflow(id);
    const definition = sent ?? row.draft;
    requireSound(definition);
    const plan = planOf(definition, nodeKinds);
    const { items, scopeOf } = await foresee(services, teamId, plan, input ?? null);
    const calls = new Map<string, CallEstimate | null>();
    for (const node of plan.nodes.values())
      if (node.paid) calls.set(node.id, await callOf(services, { teamId, workflowId: id, node, scopeOf }));
    const { nodes, basis, ...sums } = estimateRun(plan, items, calls);
    const confidence = basis.runs >= 20 ? 'good' : basis.runs >= 5 ? 'fair' : 'rough';
    return c.json(
      {
        ...sums,
        nodes: nodes.map(({ calls: often, runs, ...node }) => ({
          ...node,
          runs: often?.expected ?? null,
          items: often?.high ?? null,
          basis: { kind: runs > 0 ? ('runs' as const) : ('rough' as const), runs },
        })),
        basis: { ...basis, confidence: confidence as 'good' | 'fair' | 'rough' },
        budgetNanoUsd: definition.settings.budgetNanoUsd ?? null,
      },
      200,
    );
  },
);

type Scope = Record<string, unknown>;

/** What can be known beforehand: rows of data sources, items of maps over them or over the input, and a sample of both. */
async function foresee({ db, env }: Services, teamId: string, plan: Plan, input: unknown) {
  const nodes: Scope = {};
  const items = new Map<string, number | null>();
  const samples = new Map<string, unknown[]>();
  const scope: Scope = { trigger: input, nodes };
  for (const { id, node, isMap } of inOrder(plan)) {
    if (node.kind === 'data_source') {
      const { dataSourceId, limit } = node.config as { dataSourceId?: string; limit?: number };
      const read = dataSourceId
        ? await readRows({ db, files: env.FILES }, { teamId, dataSourceId, offset: 0, limit: SAMPLE })
        : null;
      if (read) nodes[id] = { rows: read.rows, count: Math.min(read.total, limit ?? Infinity) };
    }
    if (!isMap) continue;
    const source = /^\s*(?:\{\{-?\s*)?nodes\.([\w-]+)\.rows(?:\s*-?\}\})?\s*$/.exec(
      String(node.config.items ?? ''),
    )?.[1];
    const rows = source ? (nodes[source] as { rows: unknown[]; count: number } | undefined) : undefined;
    const value = rows ? rows.rows : await itemsOf(node.config.items, scope);
    items.set(id, rows ? rows.count : Array.isArray(value) ? value.length : null);
    samples.set(id, Array.isArray(value) ? value.slice(0, SAMPLE) : []);
  }
  /** scopes a node may find itself in: one per sampled item of the map around it */
  const scopeOf = (node: PlanNode): Scope[] =>
    node.scope === TOP
      ? [scope]
      : (samples.get(node.scope) ?? []).map((item, index) => ({ ...scope, item, index }));
  return { items, scopeOf };
}

function* inOrder(plan: Plan, scope = TOP): Generator<PlanNode> {
  for (const id of plan.order(scope)) {
    const node = plan.nodes.get(id)!;
    yield node;
    if (node.isMap) yield* inOrder(plan, id);
  }
}

async function itemsOf(items: unknown, scope: Scope): Promise<unknown> {
  if (typeof items !== 'string') return items;
  const value = items.includes('{{')
    ? await evaluators.render(items, scope)
    : await evaluators.evaluate(items, scope);
  return value.ok ? value.value : null;
}

/** One call of a prompt node: counted with sampled items where it never ran, by its own last runs where it did. */
async function callOf(
  services: Services,
  of: { teamId: string; workflowId: string; node: PlanNode; scopeOf(node: PlanNode): Scope[] },
): Promise<CallEstimate | null> {
  const { db, prices, counter, now } = services;
  const { teamId, workflowId, node } = of;
  const config = node.node.config as Definition['nodes'][number]['config'] & {
    promptId?: string;
    version?: number;
    label?: string;
    model?: string;
    system?: string;
    prompt?: string;
    maxTokens?: number;
    responseSchema?: object;
  };
  let content: Partial<PromptContent> = {};
  if (config.promptId) {
    const { promptId, version, label } = config;
    const loaded = await loadPrompt(services, { teamId, promptId, wish: { version, label } });
    if (!loaded.ok) return null;
    content = loaded.value.content;
  }
  const wanted = config.model ?? content.model;
  const overrides = await overridesOf(services, teamId);
  const named = wanted && (await firstModelOf(services, teamId, wanted));
  const ref = named ? await modelNamed(services, { teamId, name: named, overrides }) : null;
  const price = ref && prices.lookup(ref.provider, ref.model, new Date(now()).toISOString(), overrides);
  if (!ref || !price) return null;
  const history = await outputTokensOfLastRuns(db, { teamId, ...ref, workflowId, nodeId: node.id });
  const scopes = of.scopeOf(node);
  const schema = config.responseSchema ? JSON.stringify(config.responseSchema) : null;
  const estimates = [];
  for (const scope of scopes.length > 0 ? scopes : [{}]) {
    const texts = { system: config.system, prompt: config.prompt };
    const rendered = await renderConfig(texts, [], scope, evaluators);
    const { system, prompt } = (rendered.ok ? rendered.value : texts) as typeof texts;
    const messages = literalMessages(config.promptId ? content : { system, prompt: prompt ?? '' }).map(
      ({ role, content: text }) => ({ role, text }),
    );
    const count = await counter.countChat(ref, { messages, schema });
    const maxOutputTokens = maxOutputOf(
      prices.info(ref.provider, ref.model),
      count.ceilingTokens,
      config.maxTokens ?? content.maxTokens,
    );
    estimates.push(estimateOf({ count, price, maxOutputTokens, history, bounds: { audio: false } }));
  }
  const costs = estimates.flatMap((estimate) => estimate.costNanoUsd ?? []);
  if (costs.length === 0) return null;
  const mean = costs.reduce((sum, { expected }) => sum + expected, 0) / costs.length;
  return {
    costNanoUsd: {
      low: Math.min(...costs.map(({ low }) => low)),
      expected: Math.round(mean),
      high: Math.max(...costs.map(({ high }) => high)),
      max: Math.max(...costs.map(({ max }) => max)),
    },
    runs: history.length,
  };
}
