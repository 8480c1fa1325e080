/** /api/integrations: the team's ways to providers. A key goes in and never comes out; it is tried before it is kept. */
import { createRoute, z } from '@hono/zod-openapi';
import type { ProviderFailure } from '../domain/contracts/provider.ts';
import { providerOf, PROVIDERS } from '../providers/registry.ts';
import { audit } from '../store/audit.ts';
import {
  findConnection,
  listConnections,
  mayReach,
  PRIVATE,
  removeConnection,
  saveConnection,
} from '../store/connections.ts';
import { byCaller } from './audited.ts';
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
    /** as the provider listed them when the key was tried */
    models: z.array(z.string()),
    testedAt: z.string().nullable(),
    source: z.enum(['built_in', 'deployment', 'team']),
  })
  .openapi('Connection');

const providerSchema = z
  .object({ id: z.string(), label: z.string(), needsKey: z.boolean(), defaultBaseUrl: z.string().nullable() })
  .openapi('Provider');

const providerId = z.string().trim().min(1).max(64);
const connectSchema = z
  .strictObject({
    provider: providerId,
    apiKey: z
      .string()
      .trim()
      .min(1)
      .max(1000)
      .regex(/^[\x21-\x7e]*$/, 'has characters that no key has'),
    baseUrl: z
      .url({ protocol: /^https?$/ })
      .max(500)
      .refine((value) => !URL.canParse(value) || new URL(value).username === '', 'must not hold a user name')
      .transform((value) => value.replace(/\/+$/, ''))
      .optional(),
    name: nameText.default('default'),
  })
  .openapi('Connect');
const disconnectSchema = z
  .strictObject({ provider: providerId, name: nameText.default('default') })
  .openapi('Disconnect');

const invalid = (path: string, message: string) =>
  new Refused({ reason: 'invalid', issues: [{ path, message }] });

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
      const providers = PROVIDERS.map(({ id, label, needsKey, defaultBaseUrl }) => ({
        id,
        label,
        needsKey,
        defaultBaseUrl: needsKey ? defaultBaseUrl : null,
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
        'The key is tried first; a key that the provider does not take is not kept. The same name again replaces the key.',
      request: { body: jsonBody(connectSchema) },
      responses: answers(201, 'The connection.', connectionSchema),
    }),
    async (c) => {
      const services = c.get('services');
      const { teamId } = c.get('actor');
      const { provider: id, apiKey, baseUrl = null, name } = c.req.valid('json');
      const provider = providerOf(id);
      if (!provider?.needsKey) throw invalid('provider', `"${id}" is not a provider that can be connected.`);
      if (!mayReach(services, baseUrl)) throw invalid('baseUrl', PRIVATE);
      const connection = { id: 'new', provider: id, name, apiKey, baseUrl, headers: {} };
      const tested = await provider.test(connection, services.providerDeps);
      if (!tested.ok) throw invalid(fieldOf(tested.error), `${provider.label} says: ${tested.error.message}`);
      const { models } = tested.value;
      const saved = await saveConnection(services, { teamId, provider: id, name, apiKey, baseUrl, models });
      const { models: _, ...after } = saved;
      await audit(services, { ...byCaller(c), action: 'connection.save', target: saved.id, after });
      return c.json(saved, 201);
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
      if (!before)
        throw new Refused({
          reason: 'not_found',
          message: `There is no connection "${name}" to "${provider}".`,
        });
      await removeConnection(services, teamId, before.id);
      await audit(services, { ...byCaller(c), action: 'connection.remove', target: before.id, before });
      return c.json({ id: before.id, disconnected: true as const }, 200);
    },
  );
