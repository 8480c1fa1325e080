/** Workflows made, run and watched through the API, for the tests in the Workers runtime. */
import type { Fetch } from './fixtures.ts';

export type Answer = Record<string, any>;
export const json = async (response: Response) => (await response.json()) as Answer;
export const node = (id: string, kind: string, config: object, more: object = {}) => ({
  id,
  kind,
  position: { x: 0, y: 0 },
  config,
  ...more,
});
export const edge = (source: string, target: string, sourceHandle?: string) => ({
  id: `${source}-${target}`,
  source,
  target,
  ...(sourceHandle ? { sourceHandle } : {}),
});
export const start = node('start', 'trigger', { on: 'manual' });
export const ask = (id: string, prompt: string, more: object = {}) =>
  node(id, 'prompt', { model: 'sandbox-small', prompt, maxTokens: 20, ...more });

export async function run(fetch: Fetch, definition: object, input?: unknown) {
  const created = await json(await fetch('/api/workflows', { json: { name: 'Test', ...definition } }));
  if (!created.id) throw new Error(JSON.stringify(created));
  const triggered = await fetch(`/api/workflows/${created.id}/trigger`, {
    json: input === undefined ? {} : { input },
  });
  const answer = await json(triggered);
  if (triggered.status !== 202) throw new Error(JSON.stringify(answer));
  return { workflowId: created.id as string, id: answer.executionId as string };
}
/** Runs it again; answers the new one's id. */
export const replay = async (fetch: Fetch, id: string, body: object = {}): Promise<string> => {
  const answer = await fetch(`/api/executions/${id}/replay`, { json: body });
  if (answer.status !== 202) throw new Error(await answer.text());
  return (await json(answer)).executionId as string;
};
export async function until(fetch: Fetch, id: string, ...statuses: string[]): Promise<Answer> {
  const by = Date.now() + 15_000;
  for (;;) {
    // only how it stands: its steps may be megabytes
    const execution = await json(await fetch(`/api/executions/${id}?limit=1`));
    if (statuses.includes(execution.status)) return await json(await fetch(`/api/executions/${id}`));
    if (Date.now() > by)
      throw new Error(`still ${execution.status}: ${JSON.stringify(execution).slice(0, 2000)}`);
    await scheduler.wait(20);
  }
}
export const of = (execution: Answer, nodeId: string): Answer =>
  execution.nodes.find((n: Answer) => n.nodeId === nodeId);
/** The rows of a node inside a map, in the order of the items. */
export const items = (execution: Answer, nodeId: string): Answer[] =>
  execution.nodes
    .filter((n: Answer) => n.nodeId === nodeId)
    .sort((a: Answer, b: Answer) => a.itemIndex - b.itemIndex);
