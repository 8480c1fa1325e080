/** What a paid call needs of this environment: the team's connections and prices, the providers, the clock. Part of the composition root. */
import { connect } from 'cloudflare:sockets';
import { waitUntil } from 'cloudflare:workers';
import { isPrivateHost } from './domain/access/private-address.ts';
import type { CallRoute, PaidCallDeps } from './domain/call/paid-call.ts';
import { resolveModel } from './domain/call/resolve-model.ts';
import type { ProviderDeps } from './domain/contracts/provider.ts';
import { chatInputOf } from './domain/cost/chat-input.ts';
import type { ModelName } from './domain/cost/count.ts';
import { err, ok } from './domain/result.ts';
import { formatOf, providerOf, PROVIDERS } from './providers/registry.ts';
import type { CoreServices } from './services.ts';
import { connectionsOf, mayReach, PRIVATE, type LiveConnection } from './store/connections.ts';
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
function wayOut(env: Env): typeof fetch {
  const { NETWORK } = env as { NETWORK?: Fetcher };
  return NETWORK ? (input, init) => NETWORK.fetch(input, init) : (input, init) => fetch(input, init);
}

export const providerDeps = (services: CoreServices): ProviderDeps => ({
  fetch: wayOut(services.env),
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

export function callDeps(services: CoreServices): PaidCallDeps {
  const { counter, prices } = services;
  return {
    judge: (teamId) => services.judge(teamId),
    formatOf,
    async route({ teamId, model: name, format }) {
      const [connections, overrides] = await Promise.all([
        connectionsOf(services, teamId),
        overridesOf(services, teamId),
      ]);
      const speaking = connections.filter(({ provider }) => providerOf(provider)?.formats.includes(format));
      const found = resolveModel(name, speaking, prices);
      if (!found) return err({ reason: 'model_not_found', model: name });
      const { connection, model } = found;
      const at = new Date(services.now()).toISOString();
      const price = prices.lookup(connection.provider, model, at, overrides);
      return ok({
        provider: connection.provider,
        model,
        connection,
        price,
        info: prices.info(connection.provider, model),
      });
    },
    forward(route, request) {
      const provider = providerOf(route.provider)!;
      const connection = route.connection as LiveConnection;
      if (!connection.trusted && !mayReach(services, connection.baseUrl))
        return Promise.resolve(
          err({
            reason: 'provider_failed',
            failure: 'refused',
            status: 0,
            message: PRIVATE,
            retryAfterMs: null,
            body: null,
          }),
        );
      return provider.forward(request, connection, providerDeps(services));
    },
    count: {
      request: async (route, format, body) =>
        (await counter.countChat(countedAs(route), chatInputOf(format, body))).ceilingTokens,
      text: async (route, text) => (await counter.countText(countedAs(route), text)).ceilingTokens,
    },
    now: services.now,
    timers: {
      after(ms, task) {
        const timer = setTimeout(task, ms);
        return () => clearTimeout(timer);
      },
      every(ms, task) {
        const timer = setInterval(task, ms);
        return () => clearInterval(timer);
      },
    },
    waitUntil,
  };
}

/** Servers that only speak OpenAI's dialect have tokenizers of their own: theirs are counted with the wider margin. */
const OPENAI_FAMILIES = /^(ft:)?(gpt-(?!oss)|o\d|chatgpt|text-embedding|davinci|babbage)/;
const countedAs = ({ provider, model }: CallRoute): ModelName =>
  provider === 'openai' && !OPENAI_FAMILIES.test(model)
    ? { provider: 'openai-compatible', model }
    : { provider, model };
