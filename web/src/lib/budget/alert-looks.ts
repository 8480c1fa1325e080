/** How loud an alert is, as icon, word and tone. */
import Eye from '@lucide/svelte/icons/eye';
import Lock from '@lucide/svelte/icons/lock';
import TriangleAlert from '@lucide/svelte/icons/triangle-alert';

export const ALERT_LOOKS = {
  info: { tone: 'info', icon: Eye, word: 'Watch', text: 'text-info' },
  warning: { tone: 'warning', icon: TriangleAlert, word: 'Warning', text: 'text-warning' },
  urgent: { tone: 'danger', icon: Lock, word: 'Limit reached', text: 'text-danger' },
} as const;
