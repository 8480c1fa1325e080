/** What a paid call needs of this environment: the team's connections and prices, the providers, the clock. Part of the composition root. */
import { connect } from 'cloudflare:sockets';
import { waitUntil } from 'cloudflare:workers';
import { isPrivateHost } from './domain/access/private-address.ts';
import { guarded } from './domain/call/guarding.ts';
import type { CallRoute, PaidCallDeps, RouteAsk } from './domain/call/paid-call.ts';
import { resolveModel, resolveSpoken, soldAs } from './domain/call/resolve-model.ts';
import { refusalOfFailure } from './domain/call/settling.ts';
import type {
  InputCountRequest,
  ProviderDeps,
  ProviderFailure,
  WireFormat,
} from './domain/contracts/provider.ts';
import { chatInputOf } from './domain/cost/chat-input.ts';
import type { ModelName } from './domain/cost/count.ts';
import { brokenRule } from './domain/guard/guardrails.ts';
import type { Refusal } from './domain/refusal.ts';
import type { RoutingDeps } from './domain/routing/routed-calls.ts';
import { err, ok, type Result } from './domain/result.ts';
import { conversionFor, formatOf, providerOf, PROVIDERS } from './providers/registry.ts';
import type { CoreServices } from './services.ts';
import { failsOpen, keepUnbooked } from './store/unbooked.ts';
import { connectionsOf, mayReach, PRIVATE, type LiveConnection } from './store/connections.ts';
import { railsOf } from './store/guardrails.ts';
import { firstModelOf, routesOf } from './store/model-routes.ts';
import { overridesOf } from './store/prices.ts';

/** Providers that need no key are there for everybody. */
export const BUILT_IN_CONNECTIONS: readonly LiveConnection[] = PROVIDERS.filter(
  (provider) => !provider.needsKey,
).map(({ id, models }) => ({
  id,
  provider: id,
  name: 'default',
  apiKey: '',
  baseUrl: null,
  headers: {},
  models,
  closed: true,
  trusted: true,
}));

/** On one machine the launcher binds the network itself (scripts/server.mjs): a hop less than Miniflare's own way out. Absent on Cloudflare. */
export function wayOut(env: Env): typeof fetch {
  const { NETWORK } = env as { NETWORK?: Fetcher };
  return NETWORK ? (input, init) => NETWORK.fetch(input, init) : (input, init) => fetch(input, init);
}

/**
 * The way to addresses that teams name: nothing private, unless whoever runs the server allows it. `mayReach` judges how an address is written; this
 * judges what a name resolves to. On Cloudflare the runtime itself reaches nothing private.
 */
export function teamsWayOut({ env, vars }: Pick<CoreServices, 'env' | 'vars'>): typeof fetch {
  const { PUBLIC_NETWORK } = env as { PUBLIC_NETWORK?: Fetcher };
  if (vars.ALLOW_PRIVATE_NETWORK || !PUBLIC_NETWORK) return wayOut(env);
  return (input, init) => PUBLIC_NETWORK.fetch(input, init);
}

export const providerDeps = (services: CoreServices, way: typeof fetch): ProviderDeps => ({
  fetch: way,
  count: {
    text: async (model, text) =>
      (await services.counter.countText({ provider: 'sandbox', model }, text)).tokens,
    request: async (model, format, body) =>
      (await services.counter.countChat({ provider: 'sandbox', model }, chatInputOf(format, body))).tokens,
  },
  sleep: (ms, signal) => scheduler.wait(ms, signal ? { signal } : {}),
  listens,
});

const LISTENS_TIMEOUT_MS = 1_000;

/**
 * The runtime's fetch reports a refused connection and one that broke in the middle alike. In private networks (local servers,
 * tests) a second look tells them apart; public hosts cannot be looked at this way from Cloudflare's network.
 */
async function listens(url: string): Promise<boolean> {
  const { hostname, port, protocol } = new URL(url);
  if (!isPrivateHost(hostname)) return true;
  const socket = connect({ hostname, port: Number(port || (protocol === 'https:' ? 443 : 80)) });
  // A socket that never opened also closes with an error.
  socket.closed.catch(() => {});
  const opened = socket.opened.then(
    () => true,
    () => false,
  );
  const answer = await Promise.race([opened, scheduler.wait(LISTENS_TIMEOUT_MS).then(() => true)]);
  socket.close().catch(() => {});
  return answer;
}

export type DepsToward = (connection: LiveConnection) => ProviderDeps;

export function callDeps(services: CoreServices, toward: DepsToward): PaidCallDeps {
  const { counter, prices } = services;
  return {
    judge: (teamId) => services.judge(teamId),
    formatOf,
    async route(ask) {
      const { teamId, model: name } = ask;
      const [connections, overrides] = await Promise.all([
        connectionsOf(services, teamId),
        overridesOf(services, teamId),
      ]);
      const found = wayOf(services, connections, ask);
      if (!found) return err({ reason: 'model_not_found', model: name });
      const { connection, model } = found;
      const formats = providerOf(connection.provider)?.formats ?? [];
      const conversion = formats.includes(ask.format) ? null : conversionFor(ask.format, formats);
      const at = new Date(services.now()).toISOString();
      const seller = soldAs(connection);
      const unsaid = providerOf(connection.provider)?.unsaid?.(connection);
      return ok({
        provider: seller,
        model,
        connection,
        price: prices.lookup(seller, model, at, overrides),
        ...(unsaid ? { unsaid } : {}),
        priceOfModel: (other) => prices.lookup(seller, other, at, overrides),
        info: prices.info(seller, model),
        ...(conversion ? { conversion } : {}),
      });
    },
    forward(route, request) {
      const provider = providerOf(route.connection.provider)!;
      const connection = route.connection as LiveConnection;
      if (!allowed(services, connection)) return Promise.resolve(err(NOT_ALLOWED));
      return provider.forward(request, connection, toward(connection));
    },
    count: {
      request: async (route, format, body) =>
        (await counter.countChat(countedAs(route), chatInputOf(format, body))).ceilingTokens,
      text: async (route, text) => (await counter.countText(countedAs(route), text)).ceilingTokens,
    },
    guard: async ({ subject, ...call }) => brokenRule(await railsOf(services, subject), call),
    now: services.now,
    timers: {
      after(ms, task) {
        const timer = setTimeout(task, ms);
        return () => clearTimeout(timer);
      },
    },
    unchecked: {
      allowed: (teamId) => failsOpen(services, teamId),
      keep: (settlement) => keepUnbooked(services, settlement),
    },
    waitUntil,
  };
}

export type WayAsk = Pick<RouteAsk, 'model' | 'connection'> & { format?: WireFormat };

/** The connection that is meant. Who speaks the format comes first; the others are spoken to in theirs, where it can be told so. */
export function wayOf(
  { prices }: CoreServices,
  connections: readonly LiveConnection[],
  { model, connection, format }: WayAsk,
) {
  const ways = connections.filter(({ id }) => connection === undefined || id === connection);
  if (format === undefined) return resolveModel(model, ways, prices);
  const formatsOf = ({ provider }: LiveConnection) => providerOf(provider)?.formats ?? [];
  const native = ways.filter((way) => formatsOf(way).includes(format));
  const convertible = ways.filter((way) => conversionFor(format, formatsOf(way)) !== null);
  return resolveSpoken(model, { native, convertible }, prices);
}

/** What the router needs; its breakers live in this isolate's memory. */
export const routingDeps = (services: CoreServices): RoutingDeps => ({
  routes: (teamId) => routesOf(services, teamId),
  async placeOf(ask) {
    const way = wayOf(services, await connectionsOf(services, ask.teamId), ask);
    return way && `${way.connection.id} ${way.model}`;
  },
  breakers: services.breakers,
  now: services.now,
  random: () => Math.random(),
  sleep: (ms, signal) => scheduler.wait(ms, signal ? { signal } : {}).catch(() => {}),
});

/** Servers that only speak OpenAI's dialect have tokenizers of their own: theirs are counted with the wider margin. */
const OPENAI_FAMILIES = /^(ft:)?(gpt-(?!oss)|o\d|chatgpt|text-embedding|davinci|babbage)/;
const countedAs = ({ provider, model }: CallRoute): ModelName =>
  (provider === 'openai' || provider === 'azure') && !OPENAI_FAMILIES.test(model)
    ? { provider: 'openai-compatible', model }
    : { provider, model };

/** Teams may have kept an address in a private network from before that was forbidden. */
const allowed = (services: CoreServices, connection: LiveConnection): boolean =>
  connection.trusted || mayReach(services, connection.baseUrl);
const NOT_ALLOWED: ProviderFailure = {
  reason: 'provider_failed',
  failure: 'refused',
  status: 0,
  message: PRIVATE,
  retryAfterMs: null,
  body: null,
};

export interface InputCountAsk extends InputCountRequest {
  teamId: string;
  keyId: string | null;
}

/** `provider`: its own count; `estimate`: ours (exact for OpenAI's models and the sandbox). */
export interface InputCount {
  inputTokens: number;
  source: 'provider' | 'estimate';
}

/** A compatible server without an address for counting; its 404 is not Anthropic's own word for an unknown model. */
const cannotCount = ({ status, body }: ProviderFailure): boolean =>
  [404, 405, 501].includes(status) && !body?.includes('"not_found_error"');

/** Counts a request's input for free. `body.model` is what the caller named, as in a paid call. */
export const inputCounter =
  (services: CoreServices, toward: DepsToward, { route, guard }: Pick<PaidCallDeps, 'route' | 'guard'>) =>
  async ({ teamId, keyId, ...ask }: InputCountAsk): Promise<Result<InputCount, Refusal>> => {
    const named = await firstModelOf(services, teamId, String(ask.body.model));
    const routed = await route({ teamId, model: named, format: ask.format });
    if (!routed.ok) return routed;
    const { provider: id, model, info, conversion } = routed.value;
    // What must not be sent must not be sent to be counted either.
    const subject = { teamId, tags: [], ...(keyId === null ? {} : { keyId }) };
    const blocked = await guarded(
      { subject, body: ask.body },
      { route: { provider: id, model }, inputTokens: null },
      { guard },
    );
    if (blocked) return err(blocked);
    // Counted is what would be sent.
    const said = conversion?.request(ask.body, {
      model,
      maxOutputTokens: info?.maxOutputTokens ?? null,
      stream: false,
    });
    if (said && !said.ok) return err({ reason: 'invalid', issues: said.error });
    const asked: InputCountRequest = said
      ? { format: conversion!.format, body: said.value, signal: ask.signal }
      : { ...ask, body: { ...ask.body, model } };
    const connection = routed.value.connection as LiveConnection;
    const provider = providerOf(connection.provider)!;
    if (provider.countInput) {
      if (!allowed(services, connection)) return err(refusalOfFailure(id, NOT_ALLOWED));
      const counted = await provider.countInput(asked, connection, toward(connection));
      if (counted.ok) return ok({ inputTokens: counted.value, source: 'provider' });
      if (!cannotCount(counted.error)) return err(refusalOfFailure(id, counted.error));
    }
    const { tokens } = await services.counter.countChat(
      countedAs(routed.value),
      chatInputOf(asked.format, asked.body),
    );
    return ok({ inputTokens: tokens, source: 'estimate' });
  };
