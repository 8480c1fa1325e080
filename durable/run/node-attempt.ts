/** One attempt at one node: its scope put together, its config rendered and parsed by the kind's own schema, then run. */
import type { NodeFailure, NodeOutcome } from '../../worker/domain/contracts/node.ts';
import { err, ok, type Result } from '../../worker/domain/result.ts';
import { firstAttempt } from '../../worker/domain/routing/attempt-number.ts';
import { hasTemplate, renderConfig } from '../../worker/domain/workflow/expression.ts';
import { TOP, type Plan } from '../../worker/domain/workflow/plan.ts';
import { liveEdges } from '../../worker/domain/workflow/readiness.ts';
import { neededBy, type Needed } from '../../worker/domain/workflow/references.ts';
import type { OutputPlace, OutputRef, RunDeps } from '../../worker/domain/workflow/run.ts';
import type { WorkflowRunStore } from './run.store.ts';

const MAX_STORED_CHARS = 1_000_000;

/** What a node gave; what is more than should stand in memory is in a file already. */
export type Ran = Omit<NodeOutcome, 'json'> & { ref?: OutputRef };
/** What is brought to one node of large outputs: an object has 128 MB of memory, and JSON takes several times its text there. */
const MAX_BROUGHT_BYTES = 32 * 1024 * 1024;

export interface Attempt {
  command: { frame: string; node: string; attempt: number };
  signal: AbortSignal;
  store: WorkflowRunStore;
  plan: Plan;
  deps: RunDeps;
  /** the attempts before this one were lost with the server: their holds are settled before this one reserves */
  abandonEarlier: boolean;
}

/** The same for every attempt of a node and item of an execution: 32 hex digits of SHA-256. */
export async function idempotencyKey(
  executionId: string,
  nodeId: string,
  path: readonly number[],
): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify([executionId, nodeId, path]));
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest.subarray(0, 16), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * What expressions see: the input, outputs of this frame and those around it, the item, the run, the workflow. Large outputs only where the
 * node asks for them, so that they do not all stand in memory; more of them than memory bears are refused.
 */
async function scopeOf(
  { store, deps }: Pick<Attempt, 'store' | 'deps'>,
  frameKey: string,
  needed: Needed,
): Promise<Result<Record<string, unknown>, NodeFailure>> {
  const order = store.order()!;
  const nodes: Record<string, unknown> = {};
  const scope: Record<string, unknown> = {
    trigger: order.input,
    nodes,
    run: {
      id: order.executionId,
      startedAt: new Date(store.state.run().startedMs).toISOString(),
      trigger: order.trigger,
    },
    workflow: { id: order.workflowId, name: order.definition.name, version: order.version },
  };
  if (order.alone && 'item' in order.alone)
    Object.assign(scope, { item: order.alone.item, index: order.alone.index ?? 0 });
  const chain = [];
  for (let key: string | null = frameKey; key !== null; key = store.state.frame(key).parent)
    chain.unshift(key);
  let brought = 0;
  for (const key of chain) {
    const { small, large } = store.outputs.of(key);
    Object.assign(nodes, small);
    const frame = store.state.frame(key);
    for (const [id, bytes] of large) {
      const members = needed === 'all' ? 'all' : needed.get(id);
      if (members === undefined) continue;
      const left = MAX_BROUGHT_BYTES - brought;
      const part =
        members === 'all' ? null : await store.outputs.members([key, id], members, left, deps.readOutputText);
      brought += part ? part.chars : bytes;
      if (brought > MAX_BROUGHT_BYTES) return tooMuch(id, brought);
      nodes[id] = part ? part.value : await store.outputs.read(key, id, deps.readOutput);
    }
    if (frame.parent === null) continue;
    scope.index = frame.path.at(-1)!;
    scope.item = store.items.at(frame.parent, frame.scope, frame.path.at(-1)!);
  }
  return ok(scope);
}

const MB = 1024 * 1024;
const tooMuch = (id: string, bytes: number) =>
  err({
    reason: 'refused' as const,
    message: `What it asks for is too large: the output of "${id}" brings it to ${Math.ceil(bytes / MB)} MB, and ${MAX_BROUGHT_BYTES / MB} MB is the most. A map over "${id}" takes its items one by one.`,
  });

/** Every incoming value by its source, over the ways that were gone; and as one: the single one, else all; in a body without an edge, the item. */
function inputsOf(
  plan: Plan,
  store: WorkflowRunStore,
  { frame: key, node: nodeId }: { frame: string; node: string },
  scope: Record<string, unknown>,
): { input: unknown; inputs: Record<string, unknown> } {
  const node = plan.nodes.get(nodeId)!;
  if (node.incoming.length === 0)
    return { input: key === TOP ? store.order()!.input : scope.item, inputs: {} };
  // those that lead here are among what it was brought, unless they mean nothing to it
  const outputs = scope.nodes as Record<string, unknown>;
  const came = new Set(liveEdges(store.state.frame(key), node, plan).map(({ source }) => source));
  const inputs = Object.fromEntries([...came].map((source) => [source, outputs[source] ?? null]));
  return { input: came.size === 1 ? Object.values(inputs)[0] : inputs, inputs };
}

export async function runNode({
  command,
  signal,
  store,
  plan,
  deps,
  abandonEarlier,
}: Attempt): Promise<Result<Ran, NodeFailure>> {
  const order = store.order()!;
  const planned = plan.nodes.get(command.node)!;
  const kind = deps.kinds.get(planned.node.kind)!;
  const brought = await scopeOf({ store, deps }, command.frame, neededBy(planned));
  if (!brought.ok) return brought;
  const scope = brought.value;
  const fields = kind.expressionFields;
  const config = hasTemplate(JSON.stringify(planned.node.config))
    ? await renderConfig(planned.node.config, fields, scope, deps.expressions)
    : ok(planned.node.config);
  if (!config.ok) return err({ reason: 'refused', ...config.error });
  const parsed = kind.configSchema.safeParse(config.value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    return err({ reason: 'refused', field: issue.path.join('.'), message: issue.message });
  }
  const path = store.state.frame(command.frame).path;
  const key = await idempotencyKey(order.executionId, command.node, path);
  if (abandonEarlier && planned.paid)
    // could not ask: the holds then end by their own time to live
    await deps.abandon(order.teamId, `run_${key}`, firstAttempt(command.attempt)).catch(() => {});
  const outcome = await kind.run(parsed.data, {
    teamId: order.teamId,
    workflowId: order.workflowId,
    executionId: order.executionId,
    nodeId: command.node,
    itemPath: path,
    attempt: command.attempt,
    idempotencyKey: key,
    scope,
    ...inputsOf(plan, store, command, scope),
    nowMs: deps.now(),
    depth: order.depth ?? 0,
    pins: order.pins ?? {},
    callers: order.callers ?? [],
    expressions: deps.expressions,
    budgetNanoUsd: order.budgetNanoUsd,
    tags: order.tags,
    keyId: order.keyId,
    memberId: order.memberId,
    groupIds: order.groupIds ?? [],
    signal,
    timeoutMs: planned.timeoutMs,
    deps: deps.nodeDeps,
  });
  if (
    outcome.ok &&
    outcome.value.stored &&
    JSON.stringify(outcome.value.stored.value ?? null).length > MAX_STORED_CHARS
  )
    return err({
      reason: 'refused',
      field: 'value',
      message: `is larger than ${MAX_STORED_CHARS} characters`,
    });
  if (!outcome.ok || !outcome.value.json) return outcome;
  const { json, ...value } = outcome.value;
  const at = { executionId: order.executionId, nodeId: command.node, itemPath: path };
  const ref = await written(deps, { at, json, signal });
  return ref.ok ? ok({ ...value, ref: ref.value }) : ref;
}

/** Its JSON goes to a file as it comes; what breaks off leaves none. */
async function written(
  deps: Pick<RunDeps, 'putOutput'>,
  { at, json, signal }: { at: OutputPlace; json: NonNullable<NodeOutcome['json']>; signal: AbortSignal },
): Promise<Result<OutputRef, NodeFailure>> {
  let failure: NodeFailure | null = null;
  async function* texts(): AsyncGenerator<string> {
    for await (const piece of json) {
      signal.throwIfAborted();
      if (!piece.ok) {
        failure = piece.error;
        throw new Error('the node failed');
      }
      yield piece.value;
    }
  }
  try {
    return ok(await deps.putOutput(at, texts()));
  } catch (error) {
    if (failure) return err(failure);
    throw error;
  }
}
