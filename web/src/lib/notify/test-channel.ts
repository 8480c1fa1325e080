/** Sends a test through a channel; answers one sentence about how it went. */
import { call, type ApiProblem } from '../api.ts';
import type { Channel, Delivery } from '../shapes.ts';

export async function testChannel(
  channel: Channel,
): Promise<{ text: string; ok: boolean } | { problem: ApiProblem }> {
  const answer = await call<Delivery>(`/api/notification-channels/${channel.id}/test`, { method: 'POST' });
  if (!answer.ok) return { problem: answer.problem };
  const last = answer.data.log.at(-1);
  return answer.data.status === 'delivered'
    ? { ok: true, text: `The test reached ${channel.name}.` }
    : {
        ok: false,
        text: `The test did not reach ${channel.name}: ${[last?.code, last?.text].filter(Boolean).join(' ').slice(0, 200)}`,
      };
}
