/** Addresses of webhook triggers: found by the hash of their token; token and signing secrets stand sealed. Which event began what. */
import { and, eq } from 'drizzle-orm';
import type { CoreServices, Db } from '../services.ts';
import { webhook } from './schema.ts';
import { openSecret, sealSecret } from './secrets.ts';
import { sha256Of } from './sha256.ts';

export type WebhookRow = typeof webhook.$inferSelect;

/** `until`: how long a secret that was changed still verifies; null = until it is changed */
export interface WebhookSecrets {
  token: string;
  secrets: { secret: string; until: string | null }[];
}

/** A changed secret verifies beside the new one for this long, so that senders can follow. */
export const OVERLAP_MS = 24 * 3_600_000;

const random = (bytes: number) => Buffer.from(crypto.getRandomValues(new Uint8Array(bytes)));
/** 24 random bytes, as Standard Webhooks writes a secret. */
const newSecret = () => `whsec_${random(24).toString('base64')}`;
const newToken = () => random(24).toString('base64url');

const purposeOf = (workflowId: string) => `webhook ${workflowId}`;
const seal = (services: CoreServices, { teamId, workflowId }: OfWorkflow, kept: WebhookSecrets) =>
  sealSecret(services, { teamId, purpose: purposeOf(workflowId), text: JSON.stringify(kept) });

interface OfWorkflow {
  teamId: string;
  workflowId: string;
}

export async function secretsOf(services: CoreServices, row: WebhookRow): Promise<WebhookSecrets> {
  const { teamId, workflowId, sealed } = row;
  const text = await openSecret(services, { teamId, purpose: purposeOf(workflowId), sealed });
  return JSON.parse(text) as WebhookSecrets;
}

/** Secrets that verify now. */
export const validSecrets = ({ secrets }: WebhookSecrets, nowIso: string): string[] =>
  secrets.filter(({ until }) => until === null || until > nowIso).map(({ secret }) => secret);

export async function findWebhook(db: Db, { teamId, workflowId }: OfWorkflow): Promise<WebhookRow | null> {
  const [row] = await db
    .select()
    .from(webhook)
    .where(and(eq(webhook.teamId, teamId), eq(webhook.workflowId, workflowId)));
  return row ?? null;
}

export async function webhookByToken(db: Db, token: string): Promise<WebhookRow | null> {
  const [row] = await db
    .select()
    .from(webhook)
    .where(eq(webhook.tokenHash, await sha256Of(token)));
  return row ?? null;
}

/** Makes the address unless there is one. The secret is answered only to whoever made it. */
export async function makeWebhook(
  services: CoreServices,
  of: OfWorkflow,
  given?: { secret?: string },
): Promise<{ row: WebhookRow; secret: string | null }> {
  const { db, now } = services;
  const kept = { token: newToken(), secrets: [{ secret: given?.secret ?? newSecret(), until: null }] };
  const [made] = await db
    .insert(webhook)
    .values({
      ...of,
      tokenHash: await sha256Of(kept.token),
      sealed: await seal(services, of, kept),
      signed: true,
      createdAt: new Date(now()).toISOString(),
      rotatedAt: null,
    })
    .onConflictDoNothing()
    .returning();
  if (made) return { row: made, secret: kept.secrets[0]!.secret };
  return { row: (await findWebhook(db, of))!, secret: null };
}

async function change(
  { db }: CoreServices,
  row: WebhookRow,
  to: Partial<WebhookRow>,
): Promise<WebhookRow | null> {
  // only over what was read: two rotations at once do not lose a secret between them
  const [changed] = await db
    .update(webhook)
    .set(to)
    .where(and(eq(webhook.workflowId, row.workflowId), eq(webhook.sealed, row.sealed)))
    .returning();
  return changed ?? null;
}

/** A new secret; the one before verifies for a day longer. Null = it was changed meanwhile. */
export async function rotateWebhookSecret(
  services: CoreServices,
  row: WebhookRow,
  given?: string,
): Promise<{ row: WebhookRow; secret: string } | null> {
  const kept = await secretsOf(services, row);
  const secret = given ?? newSecret();
  const [newest] = kept.secrets;
  const until = new Date(services.now() + OVERLAP_MS).toISOString();
  const sealed = await seal(services, row, {
    ...kept,
    secrets: [{ secret, until: null }, ...(newest ? [{ ...newest, until }] : [])],
  });
  const changed = await change(services, row, { sealed, rotatedAt: new Date(services.now()).toISOString() });
  return changed && { row: changed, secret };
}

/** A new address; the one before is unknown at once. */
export async function moveWebhook(services: CoreServices, row: WebhookRow): Promise<WebhookRow | null> {
  const kept = { ...(await secretsOf(services, row)), token: newToken() };
  return change(services, row, {
    tokenHash: await sha256Of(kept.token),
    sealed: await seal(services, row, kept),
  });
}

export const setSigned = (services: CoreServices, row: WebhookRow, signed: boolean) =>
  change(services, row, { signed });

/**
 * Writes down that an event began an execution, unless the same event did before. Answers the execution's id and whether this event is a
 * repeat. One statement: two deliveries at once find one id.
 */
export async function claimEvent(
  { env, now }: Pick<CoreServices, 'env' | 'now'>,
  event: { workflowId: string; eventKey: string; executionId: string; knownMs: number },
): Promise<{ executionId: string; repeat: boolean }> {
  const { workflowId, eventKey, executionId, knownMs } = event;
  const row = await env.DB.prepare(
    `INSERT INTO webhook_delivery (workflow_id, event_key, execution_id, received_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)
     ON CONFLICT (workflow_id, event_key) DO UPDATE SET
       execution_id = CASE WHEN expires_at <= ?4 THEN excluded.execution_id ELSE execution_id END,
       received_at = CASE WHEN expires_at <= ?4 THEN excluded.received_at ELSE received_at END,
       expires_at = CASE WHEN expires_at <= ?4 THEN excluded.expires_at ELSE expires_at END
     RETURNING execution_id AS executionId`,
  )
    .bind(
      workflowId,
      eventKey,
      executionId,
      new Date(now()).toISOString(),
      new Date(now() + knownMs).toISOString(),
    )
    .first<{ executionId: string }>();
  return { executionId: row!.executionId, repeat: row!.executionId !== executionId };
}

/** Gives an event up whose run could not begin, so that the sender's next try is not taken for a repeat. */
export async function forgetEvent(
  { env }: Pick<CoreServices, 'env'>,
  event: { workflowId: string; eventKey: string; executionId: string },
): Promise<void> {
  await env.DB.prepare(
    'DELETE FROM webhook_delivery WHERE workflow_id = ? AND event_key = ? AND execution_id = ?',
  )
    .bind(event.workflowId, event.eventKey, event.executionId)
    .run();
}

/** Removes events that nobody has to know any more, a bounded part. */
export async function sweepEvents({ env, now }: Pick<CoreServices, 'env' | 'now'>): Promise<void> {
  await env.DB.prepare(
    `DELETE FROM webhook_delivery WHERE rowid IN
       (SELECT rowid FROM webhook_delivery WHERE expires_at <= ? LIMIT 5000)`,
  )
    .bind(new Date(now()).toISOString())
    .run();
}
