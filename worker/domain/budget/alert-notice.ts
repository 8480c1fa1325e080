/** An alert as a notice: how what budgets have to say reaches channels, which know nothing of budgets. */
import type { Notice, NoticeKind } from '../notify/notice.ts';
import { wordsOf, type Alert } from './alerts.ts';

const KINDS: Record<Alert['kind'], { kind: NoticeKind; link: string }> = {
  threshold: { kind: 'budget.threshold_reached', link: '/dashboard/budgets' },
  projected_exhaustion: { kind: 'budget.projected_exhaustion', link: '/dashboard/budgets' },
  unusual_spend: { kind: 'spend.unusual', link: '/dashboard/usage' },
};

/** The same alert always gives the same notice, so that announcing it twice changes nothing. `name` is its subject's. */
export function noticeOfAlert(alert: Alert, name?: string): Notice {
  const { id, title: _title, text: _text, level, readAt: _readAt, at, kind: _kind, ...facts } = alert;
  return {
    id: id.replace(/^alr_/, 'ntc_'),
    ...KINDS[alert.kind],
    level,
    ...wordsOf(alert, name),
    data: { alertId: id, ...facts, scope: { ...alert.scope, ...(name ? { name } : {}) } },
    at,
  };
}
