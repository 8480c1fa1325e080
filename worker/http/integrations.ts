/** /api/integrations: the team's ways to providers. A key goes in and never comes out; it is tried before it is kept. */
import { createRoute, z } from '@hono/zod-openapi';
import type { Provider, ProviderFailure } from '../domain/contracts/provider.ts';
import { err } from '../domain/result.ts';
import { providerOf, PROVIDERS } from '../providers/registry.ts';
import { audit } from '../store/audit.ts';
import {
  connectionsOf,
  findConnection,
  listConnections,
  mayReach,
  PRIVATE,
  removeConnection,
  saveConnection,
  saveTest,
} from '../store/connections.ts';
import { forgetPrices } from '../store/prices.ts';
import { byCaller } from './audited.ts';
import { acceptedBy, connectBody, fieldSchema, fieldsOf, providerId } from './connect-input.ts';
import { Refused } from './errors.ts';
import { answers, jsonBody, nameText, newRoutes } from './routes.ts';

const connectionSchema = z
  .object({
    id: z.string(),
    provider: z.string(),
    name: z.string(),
    /** the last four characters, to tell keys apart */
    keyHint: z.string().nullable(),
    baseUrl: z.string().nullable(),
    /** values are never shown */
    headerNames: z.array(z.string()),
    options: z.record(z.string(), z.string()),
    /** the team says that its models cost nothing */
    free: z.boolean(),
    /** whose prices hold for its models, and what the ledger calls it */
    sells: z.string(),
    /** as the provider listed them when the key was tried */
    models: z.array(z.string()),
    testedAt: z.string().nullable(),
    /** the provider's own words when the last test failed */
    failure: z.string().nullable(),
    source: z.enum(['built_in', 'deployment', 'team']),
  })
  .openapi('Connection');

const providerSchema = z
  .object({
    id: z.string(),
    label: z.string(),
    needsKey: z.boolean(),
    keyOptional: z.boolean(),
    /** a team may declare its models free */
    mayBeFree: z.boolean(),
    defaultBaseUrl: z.string().nullable(),
    /** its form beside the key; `baseUrl` goes by its own name, the others into `options` */
    fields: z.array(fieldSchema),
  })
  .openapi('Provider');

const disconnectSchema = z
  .strictObject({ provider: providerId, name: nameText.default('default') })
  .openapi('Disconnect');

const invalid = (path: string, message: string) =>
  new Refused({ reason: 'invalid', issues: [{ path, message }] });

const notThere = (provider: string, name: string) =>
  new Refused({ reason: 'not_found', message: `There is no connection "${name}" to "${provider}".` });

/** Which field is wrong: an address that does not answer as a provider, or a key that is not taken. */
const fieldOf = (failure: ProviderFailure) =>
  failure.failure === 'refused' && failure.status !== 404 && failure.status !== 502 ? 'apiKey' : 'baseUrl';

export const integrations = newRoutes()
  .openapi(
    createRoute({
      method: 'get',
      path: '/api/integrations',
      summary: "The team's connections to providers, and the providers there are",
      responses: answers(
        200,
        'Connections without their keys.',
        z.object({
          data: z.array(connectionSchema),
          nextCursor: z.string().nullable(),
          providers: z.array(providerSchema),
        }),
      ),
    }),
    async (c) => {
      const data = await listConnections(c.get('services'), c.get('actor').teamId);
      const providers = (PROVIDERS as readonly Provider[]).map((provider) => ({
        id: provider.id,
        label: provider.label,
        needsKey: provider.needsKey,
        keyOptional: provider.keyOptional ?? false,
        mayBeFree: provider.mayBeFree ?? false,
        defaultBaseUrl: provider.needsKey ? provider.defaultBaseUrl : null,
        fields: fieldsOf(provider),
      }));
      return c.json({ data, nextCursor: null, providers }, 200);
    },
  )
  .openapi(
    createRoute({
      method: 'post',
      path: '/api/integrations/connect',
      summary: 'Connect a provider',
      description:
        'It is tried first; a key that the provider does not take is not kept. The same name again replaces the connection. A name of its own tells several connections of one provider apart: `<name>/<model>` calls a model there.',
      request: { body: jsonBody(connectBody) },
      responses: answers(201, 'The connection.', connectionSchema),
    }),
    async (c) => {
      const services = c.get('services');
      const { teamId } = c.get('actor');
      const body = c.req.valid('json');
      const { provider: id, apiKey = '', baseUrl = null, name, headers, free } = body;
      const provider = providerOf(id);
      if (!provider?.needsKey) throw invalid('provider', `"${id}" is not a provider that can be connected.`);
      const accepted = acceptedBy(provider, body);
      if (!accepted.ok) throw new Refused({ reason: 'invalid', issues: accepted.error });
      if (!mayReach(services, baseUrl)) throw invalid('baseUrl', PRIVATE);
      const { options } = accepted.value;
      const connection = { id: 'new', provider: id, name, apiKey, baseUrl, headers, options };
      const tested = await provider.test(connection, services.providerDeps);
      if (!tested.ok) throw invalid(fieldOf(tested.error), `${provider.label} says: ${tested.error.message}`);
      const { models } = tested.value;
      const saved = await saveConnection(services, { ...connection, teamId, free, models });
      forgetPrices(teamId);
      const { models: _, ...after } = saved;
      await audit(services, { ...byCaller(c), action: 'connection.save', target: saved.id, after });
      return c.json(saved, 201);
    },
  )
  .openapi(
    createRoute({
      method: 'post',
      path: '/api/integrations/test',
      summary: 'Try a connection again with the key it has',
      description:
        'What the provider says is kept with the connection: its models, or why it did not answer.',
      request: { body: jsonBody(disconnectSchema) },
      responses: answers(200, 'The connection; `failure` tells whether it works.', connectionSchema),
    }),
    async (c) => {
      const services = c.get('services');
      const { teamId } = c.get('actor');
      const { provider: id, name } = c.req.valid('json');
      const connection = (await connectionsOf(services, teamId)).find(
        (one) => one.provider === id && one.name === name && !one.trusted,
      );
      const provider = providerOf(id);
      if (!connection || !provider) throw notThere(id, name);
      const tested = mayReach(services, connection.baseUrl)
        ? await provider.test(connection, services.providerDeps)
        : err({ message: PRIVATE });
      const found = tested.ok
        ? { models: tested.value.models }
        : { failure: tested.error.message.slice(0, 1000) };
      const shown = await saveTest(services, teamId, { id: connection.id, ...found });
      const { models: _, ...after } = shown;
      await audit(services, { ...byCaller(c), action: 'connection.test', target: shown.id, after });
      return c.json(shown, 200);
    },
  )
  .openapi(
    createRoute({
      method: 'post',
      path: '/api/integrations/disconnect',
      summary: 'Forget a connection and its key',
      request: { body: jsonBody(disconnectSchema) },
      responses: answers(200, 'It is gone.', z.object({ id: z.string(), disconnected: z.literal(true) })),
    }),
    async (c) => {
      const services = c.get('services');
      const { teamId } = c.get('actor');
      const { provider, name } = c.req.valid('json');
      const before = await findConnection(services, { teamId, provider, name });
      if (!before) throw notThere(provider, name);
      await removeConnection(services, teamId, before.id);
      forgetPrices(teamId);
      await audit(services, { ...byCaller(c), action: 'connection.remove', target: before.id, before });
      return c.json({ id: before.id, disconnected: true as const }, 200);
    },
  );
