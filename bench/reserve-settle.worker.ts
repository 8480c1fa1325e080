/** The Worker of bench/reserve-settle.ts: the real budget object and the real ledger consumer, driven from inside the runtime. */
import { DurableObject } from 'cloudflare:workers';
import { NO_USAGE } from '../worker/domain/cost/usage.ts';
import { drainOutbox } from '../worker/queues/ledger.ts';
import { consume } from '../worker/queues/index.ts';
import { services } from '../worker/services.ts';
import { ledgerCut } from '../worker/store/ledger-cut.ts';

export { TeamBudget } from '../durable/team-budget.ts';
/** the bench runs no workflows; the binding only wants a class */
export class WorkflowRun extends DurableObject<Env> {}

const TEAM = 'team_bench';

async function pairs(env: Env, from: number, count: number, concurrency: number) {
  const { judge } = services(env);
  let next = from;
  let refused = 0;
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      while (next < from + count) {
        const i = next++;
        const subject = {
          teamId: TEAM,
          keyId: `key_${i % 20}`,
          executionId: `exec_${i % 50}`,
          tags: ['acme'],
        };
        const call = {
          runId: `run_${i}`,
          attempt: 1,
          subject,
          provider: 'openai',
          model: 'gpt-4o-mini',
          executionType: 'gateway' as const,
        };
        const answer = await judge(TEAM).reserve({
          ...call,
          ceilingNanoUsd: 30_000,
          inputNanoUsd: 2000,
          clampable: false,
          dispatching: true,
          ttlMs: 120_000,
        });
        if (!answer.ok) {
          refused++;
          continue;
        }
        await judge(TEAM).settle({
          ...call,
          status: 'succeeded',
          billed: true,
          costNanoUsd: 12_345,
          usage: { ...NO_USAGE, inputTokens: 15, outputTokens: 17 },
          source: 'reported',
          flags: [],
          priced: true,
          priceId: 'genai-prices@0.1.8:openai/gpt-4o-mini@1970-01-01',
          rawUsage: '{"prompt_tokens":15,"completion_tokens":17,"total_tokens":32}',
          latencyMs: 321,
        });
      }
    }),
  );
  return { refused };
}

export default {
  queue: (batch, env) => consume(batch, services(env)),
  async fetch(request, env) {
    const url = new URL(request.url);
    const number = (name: string) => Number(url.searchParams.get(name));
    if (url.pathname === '/budgets') {
      const scopes = [
        { type: 'team' as const },
        { type: 'key' as const, id: 'key_1' },
        { type: 'tag' as const, id: 'acme' },
      ];
      for (const [i, scope] of scopes.entries())
        for (const window of ['day', 'month'] as const)
          await services(env)
            .team(TEAM)
            .createBudget({
              id: `bud_${i}_${window}`,
              scope,
              window,
              timeZone: 'Europe/Berlin',
              anchor: {},
              limitNanoUsd: 1e15,
              policy: 'block',
              thresholds: [75, 90, 100],
              createdAt: '2026-01-01T00:00:00.000Z',
            });
      return Response.json({});
    }
    if (url.pathname === '/pairs')
      return Response.json(await pairs(env, number('from'), number('count'), number('concurrency')));
    if (url.pathname === '/drain') {
      await drainOutbox(services(env), TEAM);
      const cut = await ledgerCut(env.DB, TEAM);
      const own = await services(env).team(TEAM).cutAt(cut.watermarkSeq);
      return Response.json({ ...cut, ...own });
    }
    return new Response('not found', { status: 404 });
  },
} satisfies ExportedHandler<Env>;
