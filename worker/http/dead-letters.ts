/** /api/dead-letters: what could not be processed, why, and once more when a person says so. Each decision is audited. */
import { createRoute, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { executionMessage } from '../store/execution-queue.ts';
import { audit } from '../store/audit.ts';
import {
  closeLetter,
  findLetter,
  LETTER_KINDS,
  LETTER_STATUSES,
  listLetters,
  payloadOf,
  type LetterKind,
  type LetterRow,
} from '../store/dead-letters.ts';
import { QUEUES, sendAgain } from '../store/queue-messages.ts';
import { fireAgain, makeFire } from '../store/schedule-fires.ts';
import { publishedOf, startPublished, triggersOf } from '../store/start-published.ts';
import { byCaller } from './audited.ts';
import { Refused } from './errors.ts';
import { answers, idParam, newRoutes, optionalJsonBody, pageOf, pageQuery, type AppEnv } from './routes.ts';

const letterSchema = z
  .object({
    id: z.string(),
    kind: z.enum(LETTER_KINDS),
    subject: z.string().openapi({
      description: 'what it is about: an execution, a schedule and its fire, a workflow and the event',
    }),
    workflowId: z.string().nullable(),
    reason: z.string(),
    message: z.string(),
    attempts: z.int().openapi({ description: 'how often it failed' }),
    status: z.enum(LETTER_STATUSES),
    executionId: z.string().nullable().openapi({ description: 'the run that its replay began' }),
    createdAt: z.iso.datetime(),
    lastAt: z.iso.datetime(),
    endedAt: z.iso.datetime().nullable(),
  })
  .openapi('DeadLetter');

const shown = ({
  teamId: _,
  payload: __,
  payloadKey: ___,
  ...row
}: Omit<LetterRow, 'payload' | 'payloadKey'> & Partial<LetterRow>) => row as z.infer<typeof letterSchema>;

async function openLetter(c: Context<AppEnv>, id: string): Promise<LetterRow> {
  const letter = await findLetter(c.get('services').db, c.get('actor').teamId, id);
  if (!letter) throw new Refused({ reason: 'not_found', message: `There is no dead letter "${id}".` });
  if (letter.status !== 'open') throw notOpen(letter.status);
  return letter;
}
const notOpen = (status: string) =>
  new Refused({ reason: 'conflict', message: `It is not open any more: it was ${status}.` });
const stillNot = (message: string) => new Refused({ reason: 'conflict', message });

const fireSchema = z.object({ scheduleId: z.string(), fireAt: z.string() });
const messageSchema = z.object({ queue: z.enum(QUEUES), body: z.unknown() });
const eventSchema = z.object({ input: z.unknown() });

/** How a letter of each kind is tried again; answers the execution, throws 409 when it still cannot be. */
const REPLAY: Record<LetterKind, (c: Context<AppEnv>, letter: LetterRow) => Promise<string | null>> = {
  async queue_message(c, letter) {
    const services = c.get('services');
    const message = messageSchema.parse(await payloadOf(services, letter));
    await sendAgain(services, message);
    return executionMessage.safeParse(message.body).data?.executionId ?? null;
  },
  async schedule_fire(c, letter) {
    const services = c.get('services');
    const at = fireSchema.parse(letter.payload);
    if (!(await fireAgain(services, at)))
      throw stillNot('The schedule is gone, or the fire was made meanwhile.');
    const fire = await makeFire(services, at);
    if (fire?.status !== 'started' && fire?.status !== 'waiting')
      throw stillNot(fire?.note ?? 'The fire could not be made.');
    return fire.status === 'started' ? fire.executionId : null;
  },
  async webhook_delivery(c, letter) {
    const services = c.get('services');
    const { input } = eventSchema.parse(await payloadOf(services, letter));
    const published = letter.workflowId === null ? null : await publishedOf(services.db, letter.workflowId);
    if (!published || !triggersOf(published).includes('webhook'))
      throw stillNot('The workflow still has no published version with a webhook trigger.');
    // the letter's own tail: two who replay it at once begin one run
    const executionId = letter.id.replace(/^dl_/, 'exec_');
    const started = await startPublished(services, published, { executionId, trigger: 'webhook', input });
    if (!started.ok) throw new Refused(started.error);
    return executionId;
  },
};

export const deadLetters = newRoutes()
  .openapi(
    createRoute({
      method: 'get',
      path: '/api/dead-letters',
      summary: 'What could not be processed, newest first',
      description:
        'Queue messages that failed again and again, fires of schedules and webhook events that could not begin a run. What they hold is not shown.',
      request: {
        query: pageQuery.extend({
          kind: z.enum(LETTER_KINDS).optional(),
          status: z.enum(LETTER_STATUSES).optional(),
        }),
      },
      responses: answers(200, 'One page.', pageOf(letterSchema)),
    }),
    async (c) => {
      const page = await listLetters(c.get('services').db, c.get('actor').teamId, c.req.valid('query'));
      return c.json({ ...page, data: page.data.map(shown) }, 200);
    },
  )
  .openapi(
    createRoute({
      method: 'post',
      path: '/api/dead-letters/{id}/replay',
      summary: 'Try it once more',
      ...optionalJsonBody(z.strictObject({}), { params: idParam }),
      responses: answers(200, 'It is closed; `executionId` is the run it began.', letterSchema),
    }),
    async (c) => {
      const letter = await openLetter(c, c.req.valid('param').id);
      const executionId = await REPLAY[letter.kind as LetterKind](c, letter);
      return c.json(await closed(c, letter, { status: 'replayed', executionId }), 200);
    },
  )
  .openapi(
    createRoute({
      method: 'post',
      path: '/api/dead-letters/{id}/dismiss',
      summary: 'Close it without trying again',
      ...optionalJsonBody(z.strictObject({}), { params: idParam }),
      responses: answers(200, 'It is closed.', letterSchema),
    }),
    async (c) => {
      const letter = await openLetter(c, c.req.valid('param').id);
      return c.json(await closed(c, letter, { status: 'dismissed', executionId: null }), 200);
    },
  );

async function closed(
  c: Context<AppEnv>,
  letter: LetterRow,
  end: { status: 'replayed' | 'dismissed'; executionId: string | null },
) {
  const services = c.get('services');
  const row = await closeLetter(services, letter, end);
  if (!row) throw notOpen('closed by somebody else');
  await audit(services, {
    ...byCaller(c),
    action: end.status === 'replayed' ? 'dead_letter.replay' : 'dead_letter.dismiss',
    target: letter.id,
    after: { kind: letter.kind, subject: letter.subject, executionId: end.executionId },
  });
  return shown(row);
}
