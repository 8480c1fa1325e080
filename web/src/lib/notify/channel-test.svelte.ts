/** Tests sent through channels: which one is on its way, and one sentence about how the last one went. */
import { call, type ApiProblem } from '../api.ts';
import type { Channel, Delivery } from '../shapes.ts';

export class ChannelTest {
  #busyId = $state<string | null>(null);
  #problem = $state<ApiProblem | null>(null);
  #said = $state<{ text: string; ok: boolean } | null>(null);
  #sent = $state(0);

  /** the channel that is tried just now */
  get busyId(): string | null {
    return this.#busyId;
  }
  get problem(): ApiProblem | null {
    return this.#problem;
  }
  get said(): { text: string; ok: boolean } | null {
    return this.#said;
  }
  /** counts the tests, so that logs are read again */
  get sent(): number {
    return this.#sent;
  }

  async send(channel: Channel): Promise<void> {
    this.#busyId = channel.id;
    this.#said = null;
    const answer = await call<Delivery>(`/api/notification-channels/${channel.id}/test`, { method: 'POST' });
    this.#busyId = null;
    this.#problem = answer.ok ? null : answer.problem;
    if (answer.ok) this.#said = sentenceOn(channel, answer.data);
    this.#sent++;
  }
}

function sentenceOn({ name }: Channel, { status, log }: Delivery): { text: string; ok: boolean } {
  if (status === 'delivered') return { ok: true, text: `The test reached ${name}.` };
  const last = log.at(-1);
  const why = [last?.code, last?.text].filter(Boolean).join(' ').slice(0, 200);
  return { ok: false, text: `The test did not reach ${name}: ${why}` };
}
