/** /api/workflows/:id/webhook: the address of a workflow's webhook trigger and the secret it is signed with, which is shown once. Each change is audited. */
import { createRoute, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { secretFault } from '../domain/webhook/secret.ts';
import type { Definition } from '../domain/workflow/definition.ts';
import { audit } from '../store/audit.ts';
import { publishedOf, triggersOf } from '../store/start-published.ts';
import {
  findWebhook,
  makeWebhook,
  moveWebhook,
  rotateWebhookSecret,
  secretsOf,
  setSigned,
  type WebhookRow,
} from '../store/webhooks.ts';
import { findWorkflow } from '../store/workflows.ts';
import { byCaller } from './audited.ts';
import { Refused } from './errors.ts';
import { answers, idParam, jsonBody, newRoutes, optionalJsonBody, type AppEnv } from './routes.ts';

const webhookSchema = z
  .object({
    workflowId: z.string(),
    url: z.string().openapi({ description: 'where to send events: POST, signed as Standard Webhooks' }),
    path: z.string(),
    signed: z.boolean().openapi({ description: 'false = whoever knows the address may call it' }),
    active: z.boolean().openapi({ description: 'the published version has a webhook trigger' }),
    secretUntil: z.iso
      .datetime()
      .nullable()
      .openapi({ description: 'until when the secret before also verifies; null = there is none' }),
    createdAt: z.iso.datetime(),
    rotatedAt: z.iso.datetime().nullable(),
  })
  .openapi('WorkflowWebhook');
const withSecret = webhookSchema.extend({
  secret: z.string().optional().openapi({ description: 'shown now and never again' }),
});

const noWebhook = () =>
  new Refused({
    reason: 'not_found',
    message: 'This workflow has no webhook address; make one with POST /api/workflows/:id/webhook.',
  });
const changedMeanwhile = () =>
  new Refused({ reason: 'conflict', message: 'The webhook was changed by somebody else meanwhile.' });

async function requireWorkflow(c: Context<AppEnv>, workflowId: string) {
  const { teamId } = c.get('actor');
  if (!(await findWorkflow(c.get('services').db, teamId, workflowId)))
    throw new Refused({ reason: 'not_found', message: `There is no workflow "${workflowId}".` });
  return { teamId, workflowId };
}

async function requireWebhook(c: Context<AppEnv>, workflowId: string): Promise<WebhookRow> {
  const row = await findWebhook(c.get('services').db, await requireWorkflow(c, workflowId));
  if (!row) throw noWebhook();
  return row;
}

async function shown(c: Context<AppEnv>, row: WebhookRow): Promise<z.infer<typeof webhookSchema>> {
  const services = c.get('services');
  const { token, secrets } = await secretsOf(services, row);
  const published = await publishedOf(services.db, row.workflowId);
  const path = `/hooks/${token}`;
  const until = secrets[1]?.until ?? null;
  return {
    workflowId: row.workflowId,
    url: new URL(path, services.vars.PUBLIC_URL ?? new URL(c.req.url).origin).href,
    path,
    signed: row.signed,
    active: published !== null && triggersOf(published).includes('webhook'),
    secretUntil: until !== null && until > new Date(services.now()).toISOString() ? until : null,
    createdAt: row.createdAt,
    rotatedAt: row.rotatedAt,
  };
}

const told = (
  c: Context<AppEnv>,
  workflowId: string,
  action: string,
  change: { before?: object; after?: object },
) => audit(c.get('services'), { ...byCaller(c), action, target: workflowId, ...change });

/** A draft without the signing secret that may stand in its webhook trigger: definitions are read by many and kept for ever. */
export function withoutSecret(draft: Definition): { draft: Definition; secret: string | null } {
  let secret: string | null = null;
  const nodes = draft.nodes.map((node, index) => {
    if (node.kind !== 'trigger' || node.config.on !== 'webhook' || node.config.secret === undefined)
      return node;
    const { secret: taken, ...config } = node.config;
    secret = String(taken);
    const message = secretFault(secret);
    if (message)
      throw new Refused({ reason: 'invalid', issues: [{ path: `nodes.${index}.config.secret`, message }] });
    return { ...node, config };
  });
  return { draft: secret === null ? draft : { ...draft, nodes }, secret };
}

/** Keeps a secret that came with a draft, sealed; the one before verifies for a day longer. */
export async function keepSecret(
  c: Context<AppEnv>,
  workflowId: string,
  secret: string | null,
): Promise<void> {
  if (secret === null) return;
  const services = c.get('services');
  const { row, secret: made } = await makeWebhook(
    services,
    { teamId: c.get('actor').teamId, workflowId },
    { secret },
  );
  if (made === null) {
    const { secrets } = await secretsOf(services, row);
    if (secrets[0]?.secret === secret) return;
    if (!(await rotateWebhookSecret(services, row, secret))) throw changedMeanwhile();
  }
  await told(c, workflowId, made === null ? 'webhook.rotate' : 'webhook.create', {
    after: { what: 'secret' },
  });
}

const path = '/api/workflows/{id}/webhook';

export const webhooks = newRoutes()
  .openapi(
    createRoute({
      method: 'get',
      path,
      summary: "The address of a workflow's webhook trigger",
      request: { params: idParam },
      responses: answers(200, 'Without its secret.', webhookSchema),
    }),
    async (c) => c.json(await shown(c, await requireWebhook(c, c.req.valid('param').id)), 200),
  )
  .openapi(
    createRoute({
      method: 'post',
      path,
      summary: 'Make the address of its webhook trigger',
      description:
        'The secret is in this answer and nowhere else. When there is an address already, it is answered without.',
      ...optionalJsonBody(z.strictObject({}), { params: idParam }),
      responses: answers(201, 'The address and its signing secret.', withSecret),
    }),
    async (c) => {
      const of = await requireWorkflow(c, c.req.valid('param').id);
      const { row, secret } = await makeWebhook(c.get('services'), of);
      if (secret === null) return c.json(await shown(c, row), 201);
      await told(c, of.workflowId, 'webhook.create', { after: { signed: true } });
      return c.json({ ...(await shown(c, row)), secret }, 201);
    },
  )
  .openapi(
    createRoute({
      method: 'patch',
      path,
      summary: 'Ask for signatures, or take anything',
      request: { params: idParam, body: jsonBody(z.strictObject({ signed: z.boolean() })) },
      responses: answers(200, 'As it is now.', webhookSchema),
    }),
    async (c) => {
      const row = await requireWebhook(c, c.req.valid('param').id);
      const { signed } = c.req.valid('json');
      const changed = await setSigned(c.get('services'), row, signed);
      if (!changed) throw changedMeanwhile();
      await told(c, row.workflowId, 'webhook.update', { before: { signed: row.signed }, after: { signed } });
      return c.json(await shown(c, changed), 200);
    },
  )
  .openapi(
    createRoute({
      method: 'post',
      path: `${path}/rotate`,
      summary: 'A new secret, or a new address',
      description:
        '`secret`: the one before verifies for 24 hours longer, the new one is in this answer and nowhere else. `address`: the one before is unknown at once.',
      request: {
        params: idParam,
        body: jsonBody(
          z.strictObject({
            what: z.enum(['secret', 'address']).default('secret'),
            secret: z
              .string()
              .max(200)
              .superRefine((text, context) => {
                const fault = secretFault(text);
                if (fault) context.addIssue(fault);
              })
              .optional()
              .openapi({ description: 'one of your own instead of a random one: "whsec_" and base64' }),
          }),
        ),
      },
      responses: answers(200, 'As it is now.', withSecret),
    }),
    async (c) => {
      const row = await requireWebhook(c, c.req.valid('param').id);
      const { what, secret } = c.req.valid('json');
      const services = c.get('services');
      const changed =
        what === 'secret'
          ? await rotateWebhookSecret(services, row, secret)
          : await moveWebhook(services, row).then((moved) => moved && { row: moved, secret: undefined });
      if (!changed) throw changedMeanwhile();
      await told(c, row.workflowId, 'webhook.rotate', { after: { what } });
      const answer = await shown(c, changed.row);
      return c.json(changed.secret === undefined ? answer : { ...answer, secret: changed.secret }, 200);
    },
  );
