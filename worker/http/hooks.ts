/**
 * POST /hooks/:token: an event begins a run of the published version (engine.md rule 15). Signed as Standard Webhooks over the raw bytes; the same
 * event twice begins one run and gets the same answer. 202 is said once the run is written.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { createRoute, z } from '@hono/zod-openapi';
import {
  BODY_KNOWN_MS,
  ID_KNOWN_MS,
  inputOf,
  MOST_BODY_BYTES,
  signaturesOf,
  timestampFault,
} from '../domain/webhook/event.ts';
import { secretKey } from '../domain/webhook/secret.ts';
import type { Services } from '../services.ts';
import { buryLetter } from '../store/dead-letters.ts';
import { findExecution } from '../store/executions.ts';
import { publishedOf, startPublished, triggersOf } from '../store/start-published.ts';
import {
  claimEvent,
  forgetEvent,
  secretsOf,
  validSecrets,
  webhookByToken,
  type WebhookRow,
} from '../store/webhooks.ts';
import { Refused } from './errors.ts';
import { answers, newRoutes } from './routes.ts';

const unsigned = (message: string) => new Refused({ reason: 'unauthenticated', message });

interface Signed {
  id: string | undefined;
  timestamp: string | undefined;
  signature: string | undefined;
  body: Uint8Array;
}

/** Throws 401 unless one of the secrets signed exactly these bytes, now. */
function requireSignature(
  { id, timestamp, signature, body }: Signed,
  secrets: readonly string[],
  nowMs: number,
): void {
  if (!id || !timestamp || !signature)
    throw unsigned('The headers webhook-id, webhook-timestamp and webhook-signature are needed.');
  const fault = timestampFault(timestamp, nowMs);
  if (fault) throw unsigned(fault);
  const sent = signaturesOf(signature).map((text) => Buffer.from(text, 'base64'));
  const matches = secrets.flatMap((secret) => {
    const wanted = createHmac('sha256', secretKey(secret))
      .update(`${id}.${timestamp}.`)
      .update(body)
      .digest();
    return sent.map((one) => one.length === wanted.length && timingSafeEqual(one, wanted));
  });
  if (!matches.includes(true)) throw unsigned('The signature does not fit this body, id and timestamp.');
}

interface Event {
  eventKey: string;
  knownMs: number;
  input: unknown;
}

/** Begins the run of an event, once; answers its id. */
async function begin(services: Services, { teamId, workflowId }: WebhookRow, event: Event): Promise<string> {
  const { eventKey, knownMs, input } = event;
  const { db, newId } = services;
  const claim = { workflowId, eventKey, executionId: newId('execution'), knownMs };
  const { executionId, repeat } = await claimEvent(services, claim);
  // a repeat of one whose server died before the run was written begins it now
  if (repeat && (await findExecution(db, teamId, executionId))) return executionId;
  const published = await publishedOf(db, workflowId);
  const refusal =
    published && triggersOf(published).includes('webhook')
      ? await startPublished(services, published, { executionId, trigger: 'webhook', input }).then(
          (started) => (started.ok ? null : started.error),
        )
      : ({
          reason: 'conflict',
          message: 'The workflow has no published version with a webhook trigger.',
        } as const);
  if (refusal === null) return executionId;
  await forgetEvent(services, { ...claim, executionId });
  await buryLetter(services, {
    teamId,
    kind: 'webhook_delivery',
    subject: `${workflowId} ${eventKey}`,
    workflowId,
    reason: refusal.reason === 'conflict' ? 'not_published' : refusal.reason,
    message: 'message' in refusal && refusal.message ? refusal.message : refusal.reason,
    payload: { input },
  });
  throw new Refused(refusal);
}

export const hooks = newRoutes().openapi(
  createRoute({
    method: 'post',
    path: '/hooks/{token}',
    summary: 'Begin a run of the published version',
    description:
      'Signed as Standard Webhooks (webhook-id, webhook-timestamp, webhook-signature; 300 seconds of tolerance) unless the address takes unsigned events. ' +
      'A JSON body is the input of the run, any other body is its text. An event is known by its webhook-id for a week, without one by its body for 10 minutes: ' +
      'a repeat gets the same answer and begins nothing. Bodies of more than 1 MB are 413.',
    request: { params: z.object({ token: z.string().max(100) }) },
    responses: answers(
      202,
      'It is written and will run.',
      z.object({ executionId: z.string(), status: z.literal('queued') }),
    ),
  }),
  async (c) => {
    const services = c.get('services');
    const row = await webhookByToken(services.db, c.req.valid('param').token);
    if (!row) throw new Refused({ reason: 'not_found', message: 'There is no such webhook.' });
    const body = new Uint8Array(await c.req.arrayBuffer());
    if (body.length > MOST_BODY_BYTES)
      throw new Refused({
        reason: 'too_large',
        message: `The body is larger than ${MOST_BODY_BYTES} bytes.`,
        limitBytes: MOST_BODY_BYTES,
      });
    const id = c.req.header('webhook-id');
    if (row.signed) {
      const secrets = validSecrets(await secretsOf(services, row), new Date(services.now()).toISOString());
      const signed = {
        id,
        timestamp: c.req.header('webhook-timestamp'),
        signature: c.req.header('webhook-signature'),
        body,
      };
      requireSignature(signed, secrets, services.now());
    }
    if (id !== undefined && id.length > 256)
      throw new Refused({
        reason: 'malformed',
        message: 'webhook-id is longer than 256 characters.',
        param: 'webhook-id',
      });
    const executionId = await begin(services, row, {
      eventKey: id ? `id:${id}` : `body:${createHash('sha256').update(body).digest('hex')}`,
      knownMs: id ? ID_KNOWN_MS : BODY_KNOWN_MS,
      input: inputOf(new TextDecoder().decode(body)),
    });
    return c.json({ executionId, status: 'queued' as const }, 202);
  },
);
