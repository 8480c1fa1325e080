/** Asks for executions to be begun or looked after. A message that is lost is found by the sweeper. */
import { z } from 'zod';

export const executionMessage = z.object({ executionId: z.string().min(1).max(64) });
export type ExecutionMessage = z.infer<typeof executionMessage>;

export async function enqueueExecution(env: Env, executionId: string): Promise<void> {
  await env.EXECUTIONS.send({ executionId } satisfies ExecutionMessage);
}

export async function enqueueExecutions(env: Env, ids: readonly string[]): Promise<void> {
  for (let from = 0; from < ids.length; from += 100)
    await env.EXECUTIONS.sendBatch(
      ids
        .slice(from, from + 100)
        .map((executionId) => ({ body: { executionId } satisfies ExecutionMessage })),
    );
}
