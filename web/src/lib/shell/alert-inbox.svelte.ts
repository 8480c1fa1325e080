/** The newest alerts and how many are unread, for the bell: fetched once, then again whenever the live socket speaks of alerts. */
import { call, type ApiProblem } from '../api.ts';
import { live } from '../live.svelte.ts';
import type { Alert, Listed } from '../shapes.ts';

const SHOWN = 15;
/** A jump over three thresholds is three messages, and one question. */
const GATHER_MS = 150;

export class AlertInbox {
  alerts = $state.raw<Alert[]>([]);
  unread = $state(0);
  problem = $state.raw<ApiProblem | null>(null);
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Follows the team's alerts until the returned function is called. */
  follow(): () => void {
    void this.refetch();
    const soon = () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => void this.refetch(), GATHER_MS);
    };
    const stop = live.listen(['alert', 'alerts_read'], soon, soon);
    return () => {
      clearTimeout(this.#timer);
      stop();
    };
  }

  async refetch() {
    const answer = await call<Listed<Alert> & { unread: number }>('/api/token-tracking/alerts', {
      query: { limit: SHOWN },
    });
    this.problem = answer.ok ? null : answer.problem;
    if (!answer.ok) return;
    this.alerts = answer.data.data;
    this.unread = answer.data.unread;
  }

  async read(alert: Alert) {
    if (alert.readAt === null) await this.#post(`/api/token-tracking/alerts/${alert.id}/read`);
  }
  readAll = () => this.#post('/api/token-tracking/alerts/read-all');

  async #post(path: string) {
    const answer = await call(path, { method: 'POST' });
    if (!answer.ok) this.problem = answer.problem;
    else await this.refetch();
  }
}
