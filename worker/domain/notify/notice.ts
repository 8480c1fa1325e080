/** A notice: something a team is to be told, whatever it is about. Channels know notices, never budgets or workflows. */
import { z } from 'zod';

export const NOTICE_LEVELS = ['info', 'warning', 'urgent'] as const;
export type NoticeLevel = (typeof NOTICE_LEVELS)[number];

/** What notices there are; a webhook's `type` is this word, so it never changes its meaning. */
export const NOTICE_KINDS = [
  { kind: 'budget.threshold_reached', label: 'A budget reached a threshold' },
  { kind: 'budget.projected_exhaustion', label: 'A budget is expected to run out' },
  { kind: 'spend.unusual', label: 'Unusual spend' },
  { kind: 'workflow.failed', label: 'A workflow run failed' },
  { kind: 'workflow.slow', label: 'A workflow run is slow' },
  { kind: 'workflow.costly', label: 'A workflow run cost more than usual' },
] as const;
export type NoticeKind = (typeof NOTICE_KINDS)[number]['kind'] | 'channel.test' | 'workflow.message';

/** What a channel can be told to take: all kinds but its own test, which always goes out. */
export const NOTICE_KIND_NAMES = NOTICE_KINDS.map(({ kind }) => kind) as [
  (typeof NOTICE_KINDS)[number]['kind'],
  ...(typeof NOTICE_KINDS)[number]['kind'][],
];

export const noticeSchema = z.object({
  id: z.string(),
  /** the last two go to one receiver, whatever channels are set to */
  kind: z.enum([...NOTICE_KIND_NAMES, 'channel.test', 'workflow.message']),
  level: z.enum(NOTICE_LEVELS),
  /** one line */
  title: z.string(),
  /** plain text, a few sentences */
  text: z.string(),
  /** path of the page that shows more, from the root; null = none */
  link: z.string().nullable(),
  /** for programs: what a webhook's `data` holds */
  data: z.record(z.string(), z.unknown()),
  /** ISO: when it happened */
  at: z.string(),
});
export type Notice = z.infer<typeof noticeSchema>;
