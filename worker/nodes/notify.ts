/** Tells somebody: by mail, or through Slack, Discord or a webhook, over the same channels as the team's own notices. */
import { z } from 'zod';
import { defineNode, type NodeFailure } from '../domain/contracts/node.ts';
import { CHANNEL_TYPES, type ChannelType } from '../domain/notify/channel.ts';
import { err, ok, type Result } from '../domain/result.ts';

export interface NotifyDeps {
  /** Makes one try. `id` is the same for every attempt, so that a receiver can know a repetition. */
  notify(message: {
    teamId: string;
    id: string;
    channel: ChannelType;
    /** mail: addresses. Else one of the team's channels (id or name), or an address */
    to: string[];
    subject: string;
    body: string;
  }): Promise<Result<{ id: string }, NodeFailure>>;
}

const MAX_RECIPIENTS = 50;
const address = z.email().max(320);

const notifyConfig = z
  .strictObject({
    channel: z.enum(CHANNEL_TYPES),
    /** mail: one address, several with commas between, or a list. Else the name or id of one of the team's channels, or an https address */
    to: z.union([
      z.string().trim().min(1).max(20_000),
      z.array(z.string().trim().min(1).max(320)).min(1).max(MAX_RECIPIENTS),
    ]),
    subject: z.string().trim().max(300).optional(),
    body: z.string().min(1).max(20_000),
    /** it may go out twice when nobody knows whether it arrived */
    safeToRepeat: z.boolean().optional(),
  })
  .superRefine(({ channel, to }, context) => {
    if (typeof to === 'string' && to.includes('{{')) return;
    const fault = faultOf(channel, listOf(to));
    if (fault) context.addIssue({ code: 'custom', path: ['to'], message: fault });
  });

export const notify = defineNode({
  kind: 'notify',
  label: 'Notify',
  description: 'Sends a message by e-mail, Slack, Discord or webhook.',
  category: 'action',
  icon: 'bell',
  configSchema: notifyConfig,
  defaultConfig: { channel: 'email', to: '', body: '' },
  expressionFields: [],
  handles: [],
  ignoresInput: () => true,
  execution: 'io',
  idempotent: ({ safeToRepeat }) => safeToRepeat === true,
  paid: false,
  async run({ channel, to, subject, body }, { teamId, idempotencyKey, scope, deps }) {
    const list = listOf(to);
    const fault = faultOf(channel, list);
    if (fault) return err({ reason: 'refused', field: 'to', message: fault });
    const { name } = (scope.workflow ?? {}) as { name?: string };
    const sent = await (deps as NotifyDeps).notify({
      teamId,
      id: `msg_${idempotencyKey}`,
      channel,
      to: list,
      subject: subject?.trim() || `Message from ${name ?? 'a workflow'}`,
      body,
    });
    return sent.ok ? ok({ output: { delivered: true, id: sent.value.id } }) : sent;
  },
});

const listOf = (to: string | string[]): string[] =>
  (Array.isArray(to) ? to : to.split(',')).map((one) => one.trim()).filter((one) => one !== '');

function faultOf(channel: ChannelType, to: string[]): string | null {
  if (to.length === 0) return 'names nobody';
  if (channel !== 'email') return to.length === 1 ? null : 'can be one channel or address only';
  if (to.length > MAX_RECIPIENTS) return `names more than ${MAX_RECIPIENTS} addresses`;
  const wrong = to.find((one) => !one.includes('{{') && !address.safeParse(one).success);
  return wrong === undefined ? null : `"${wrong}" is not an e-mail address`;
}
