/** Which models a team can call: one list, shown in the shape of whoever asks. */
import type { Context } from 'hono';
import { soldAs } from '../../domain/call/resolve-model.ts';
import type { ModelInfo } from '../../domain/cost/price.ts';
import { connectionsOf } from '../../store/connections.ts';
import { routesOf } from '../../store/model-routes.ts';
import { Refused } from '../errors.ts';
import type { AppEnv } from '../routes.ts';

export interface CallableModel {
  id: string;
  /** `route` for the team's own names */
  provider: string;
  info: ModelInfo | null;
}

/** Every model that the team can name: its routes, what its connections list, else what the price table knows of their providers. */
export async function callableModels(c: Context<AppEnv>): Promise<CallableModel[]> {
  const services = c.get('services');
  const { teamId } = c.get('actor');
  const [connections, routes] = await Promise.all([
    connectionsOf(services, teamId),
    routesOf(services, teamId),
  ]);
  const models = new Map<string, CallableModel>();
  for (const { name: id } of routes) models.set(id, { id, provider: 'route', info: null });
  for (const connection of connections) {
    const { provider, models: listed } = connection;
    const seller = soldAs(connection);
    const known = services.prices.models().filter((model) => model.provider === seller);
    for (const id of listed.length > 0 ? listed : known.map(({ model }) => model))
      if (!models.has(id)) models.set(id, { id, provider, info: services.prices.info(seller, id) });
  }
  return [...models.values()];
}

const OTHER_WORK = /embed|whisper|dall-e|tts|moderation|transcribe|gpt-image|sora/i;

/** Those that answer in words: they can be asked in every chat format, whoever's they are. */
export const chatModels = async (c: Context<AppEnv>): Promise<CallableModel[]> =>
  (await callableModels(c)).filter(({ id }) => !OTHER_WORK.test(id));

/** The model of that name; 404 when there is none. */
export function modelNamed(models: readonly CallableModel[], name: string): CallableModel {
  const model = models.find(({ id }) => id === name);
  if (!model) throw new Refused({ reason: 'model_not_found', model: name });
  return model;
}

/** When each was released is not known: Anthropic's own list says an epoch then. */
const UNKNOWN_DATE = '1970-01-01T00:00:00Z';

const asAnthropic = ({ id, info }: CallableModel) => ({
  type: 'model',
  id,
  display_name: info?.name ?? id,
  created_at: UNKNOWN_DATE,
  max_input_tokens: info?.contextWindow ?? null,
  max_tokens: info?.maxOutputTokens ?? null,
});

const asOpenai = ({ id, provider }: CallableModel) => ({
  id,
  object: 'model' as const,
  created: 0,
  owned_by: provider,
});

/** Anthropic's and OpenAI's lists have the same address: who speaks Anthropic's format says so in a header. */
const speaksAnthropic = (c: Context<AppEnv>): boolean =>
  c.req.header('anthropic-version') !== undefined || c.req.path.startsWith('/api/integrations/anthropic/');

export async function listModels(c: Context<AppEnv>): Promise<Response> {
  if (!speaksAnthropic(c)) return c.json({ object: 'list', data: (await callableModels(c)).map(asOpenai) });
  const data = (await chatModels(c)).map(asAnthropic);
  return c.json({
    data,
    has_more: false,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
  });
}

export async function getModel(c: Context<AppEnv>): Promise<Response> {
  const model = modelNamed(await callableModels(c), c.req.param('model') ?? '');
  return c.json(speaksAnthropic(c) ? asAnthropic(model) : asOpenai(model));
}
