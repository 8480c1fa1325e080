/** Composition root: env -> the record of things the use cases need. Everything that touches the outside is made here. */
import { drizzle, type DrizzleD1Database } from 'drizzle-orm/d1';
import {
  BUILT_IN_CONNECTIONS,
  callDeps,
  inputCounter,
  providerDeps,
  routingDeps,
  teamsWayOut,
  wayOf,
  wayOut,
  type DepsToward,
  type InputCount,
  type InputCountAsk,
  type WayAsk,
} from './call-deps.ts';
import { cachedCalls } from './domain/call/cached-calls.ts';
import type { PaidCalls } from './domain/call/paid-call.ts';
import { paidCalls } from './domain/call/paid-calls.ts';
import type { ProviderDeps } from './domain/contracts/provider.ts';
import { createTokenCounter, type TokenCounter } from './domain/cost/count.ts';
import { createPriceTable, type PriceTable } from './domain/cost/price-table.ts';
import { makeId, type IdKind } from './domain/ids.ts';
import {
  runPrompt,
  streamPrompt,
  type PromptRun,
  type PromptStream,
  type RunPromptDeps,
  type RunPromptRequest,
} from './domain/prompt/run-prompt.ts';
import type { Refusal } from './domain/refusal.ts';
import type { Result } from './domain/result.ts';
import { deliveryAttempts, type AttemptDelivery } from './notify-deps.ts';
import { breakers, type Breakers } from './domain/routing/breakers.ts';
import { routedCalls, type RoutingDeps } from './domain/routing/routed-calls.ts';
import { formatOf } from './providers/registry.ts';
import { loadPrompt } from './store/prompts.ts';
import type { TeamJudge } from './domain/budget/team.ts';
import type { Judge } from './domain/budget/budget.ts';
import { varsOf, type Vars } from './env.ts';
import shippedPrices from './generated/prices.json';
import { responseCache } from './store/cached-answers.ts';
import { ranksFromAssets } from './store/ranks.ts';
import { teamJudge, teamStub } from './store/judge.ts';
import type { LiveConnection } from './store/connections.ts';
import * as schema from './store/schema.ts';
import { sha256Of } from './store/sha256.ts';

export type Db = DrizzleD1Database<typeof schema>;

/** What stands on nothing but the environment. */
export interface CoreServices {
  env: Env;
  vars: Vars;
  db: Db;
  /** ms since the epoch */
  now(): number;
  newId(kind: IdKind): string;
  /** shipped and sandbox prices; overrides are handed to its lookup */
  prices: PriceTable;
  counter: TokenCounter;
  /** who admits and books the calls of a team; throws CouldNotAsk (store/judge.ts) when it does not answer */
  judge(teamId: string): Judge;
  /** everything else that a team's budget object is asked */
  team(teamId: string): TeamJudge;
  /** which models of providers fail lately, as this isolate knows (domain/routing/breaker.ts) */
  breakers: Breakers;
  /** ways to providers that are there for every team */
  builtInConnections: readonly LiveConnection[];
}

export interface Services extends CoreServices {
  /** the one way to a provider that costs money: routed, so one call may be several attempts */
  paidCalls: PaidCalls;
  /** where a target leads; what `breakers` are kept by */
  placeOf: RoutingDeps['placeOf'];
  /** where a model leads among some of a team's connections, as a paid call would find it */
  wayAmong(
    connections: readonly LiveConnection[],
    ask: WayAsk,
  ): { connection: LiveConnection; model: string } | null;
  /** one run of a prompt, of the library or written in place: for the API and for workflow nodes */
  runPrompt(request: RunPromptRequest): Promise<Result<PromptRun, Refusal>>;
  streamPrompt(request: RunPromptRequest): Promise<Result<PromptStream, Refusal>>;
  /** how many input tokens a request has, for free (call-deps.ts) */
  countInput(ask: InputCountAsk): Promise<Result<InputCount, Refusal>>;
  /** one try of bringing a notice to a channel */
  attemptDelivery: AttemptDelivery;
  /** for calls to addresses that teams name, and that cost nothing (testing a key, an HTTP step) */
  providerDeps: ProviderDeps;
}

/** Parsed once per isolate: pure data. */
const prices = createPriceTable(shippedPrices);

/** One per isolate: its ranks take about 40 MB. Assets are the same for every environment. */
let counter: TokenCounter | undefined;
const counterOf = (assets: Fetcher | undefined): TokenCounter =>
  (counter ??= createTokenCounter({
    loadRanks: assets ? ranksFromAssets(assets) : null,
    yieldNow: () => scheduler.wait(0),
    contextWindowOf: ({ provider, model }) => prices.info(provider, model)?.contextWindow ?? null,
    patience: () => scheduler.wait(2_000).then(() => null),
  }));

const made = new WeakMap<object, Services>();

/** One record per environment, made on first use. */
export function services(env: Env): Services {
  let record = made.get(env);
  if (!record) {
    const team = (teamId: string) => teamJudge(() => teamStub(env, teamId));
    const core: CoreServices = {
      env,
      vars: varsOf(env),
      db: drizzle(env.DB, { schema }),
      now: () => Date.now(),
      newId: (kind) => makeId(kind, Date.now(), crypto.getRandomValues(new Uint8Array(10))),
      prices,
      counter: counterOf(env.ASSETS),
      judge: team,
      team,
      breakers: breakers(),
      builtInConnections: BUILT_IN_CONNECTIONS,
    };
    const toOurs = providerDeps(core, wayOut(env));
    const toTeams = providerDeps(core, teamsWayOut(core));
    const toward: DepsToward = ({ trusted }) => (trusted ? toOurs : toTeams);
    const deps = callDeps(core, toward);
    const routing = routingDeps(core);
    // Inside the router: what is kept belongs to the model that an attempt is for.
    const cached = cachedCalls(paidCalls(deps), { ...deps, cache: responseCache(core), hash: sha256Of });
    const calls = routedCalls(cached, routing);
    const prompting: RunPromptDeps = {
      load: (teamId, promptId, wish) => loadPrompt(core, { teamId, promptId, wish }),
      paidCalls: calls,
      reader: formatOf('openai_chat'),
    };
    record = {
      ...core,
      attemptDelivery: deliveryAttempts(core),
      providerDeps: toTeams,
      paidCalls: calls,
      placeOf: routing.placeOf,
      wayAmong: (connections, ask) => wayOf(core, connections, ask),
      countInput: inputCounter(core, toward, deps),
      runPrompt: (request) => runPrompt(request, prompting),
      streamPrompt: (request) => streamPrompt(request, prompting),
    };
    made.set(env, record);
  }
  return record;
}
