/** Workflows for journeys, in few words: nodes in a chain or with edges of their own. */
import type { Started } from './server.ts';

export interface Step {
  id: string;
  kind: string;
  config: object;
  parentId?: string;
  onError?: string;
  retry?: object;
}

export const ENDED = ['completed', 'failed', 'cancelled', 'needs_review'];

/** Creates the workflow; without `edges` each step outside of a map follows the one before it. Answers its id. */
export async function makeWorkflow(
  server: Started,
  {
    name,
    steps,
    edges,
    settings = {},
  }: {
    name: string;
    steps: Step[];
    edges?: [source: string, target: string, sourceHandle?: string][];
    settings?: object;
  },
): Promise<string> {
  const chain = steps.filter((step) => step.parentId === undefined);
  const ways = edges ?? chain.slice(1).map((step, i): [string, string] => [chain[i]!.id, step.id]);
  const { status, body } = await server.api('POST', '/api/workflows', {
    name,
    nodes: steps.map((step, i) => ({ ...step, position: { x: 200 * i, y: 0 } })),
    edges: ways.map(([source, target, sourceHandle], i) => ({
      id: `e${i}`,
      source,
      target,
      ...(sourceHandle ? { sourceHandle } : {}),
    })),
    settings,
  });
  if (status !== 201) throw new Error(`${status}: ${JSON.stringify(body)}`);
  if (body.problems?.length) throw new Error(JSON.stringify(body.problems));
  return body.id;
}

/** Starts a run of the draft; answers its id, or throws. */
export async function trigger(server: Started, workflowId: string, input: unknown): Promise<string> {
  const { status, body } = await server.api('POST', `/api/workflows/${workflowId}/trigger`, { input });
  if (status !== 202) throw new Error(`${status}: ${JSON.stringify(body)}`);
  return body.executionId;
}
