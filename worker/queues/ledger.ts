/** Queue `ledger`: carries a team's outbox to D1. Delivered twice, or by two consumers at once, it changes nothing. */
import { z } from 'zod';
import type { Services } from '../services.ts';
import { carryToLedger } from '../store/ledger.ts';

/** The truth stands in the team's object; the message only says whose outbox has something. */
export const ledgerMessageSchema = z.strictObject({ teamId: z.string().min(1) });

const ROWS_AT_ONCE = 500;

/**
 * Carries a team's outbox: write to D1, then acknowledge, until no more than `leave` rows are left (the object has them carried when
 * they have gathered). Answers how many rows were carried.
 */
export async function drainOutbox(services: Services, teamId: string, { leave = 0 } = {}): Promise<number> {
  const team = services.team(teamId);
  let carried = 0;
  for (;;) {
    const rows = await team.outbox(ROWS_AT_ONCE);
    const last = rows.at(-1);
    if (!last) return carried;
    await carryToLedger(services.env.DB, teamId, { rows, newId: () => services.newId('ledger') });
    carried += rows.length;
    if ((await team.acknowledge(last.seq)) <= leave) return carried;
  }
}

export async function consumeLedger(batch: MessageBatch<unknown>, services: Services): Promise<void> {
  const drains = new Map<string, Promise<unknown>>();
  for (const message of batch.messages) {
    const parsed = ledgerMessageSchema.safeParse(message.body);
    if (!parsed.success) {
      console.error(
        JSON.stringify({ level: 'error', queue: batch.queue, id: message.id, issues: parsed.error.issues }),
      );
      message.ack();
      continue;
    }
    const { teamId } = parsed.data;
    let drain = drains.get(teamId);
    if (!drain) drains.set(teamId, (drain = drainOutbox(services, teamId, { leave: ROWS_AT_ONCE })));
    try {
      await drain;
      message.ack();
    } catch (error) {
      console.error(JSON.stringify({ level: 'error', queue: batch.queue, teamId, message: String(error) }));
      message.retry({ delaySeconds: Math.min(60, 2 ** message.attempts) });
    }
  }
}
