/** Rollups are kept per quarter of an hour, hour, six hours and day (UTC). A span is read from as few of them as cover it exactly. */

/** Coarsest first. */
export const TIERS = [
  { tier: 'day', seconds: 86_400 },
  { tier: 'six_hours', seconds: 21_600 },
  { tier: 'hour', seconds: 3_600 },
  { tier: 'quarter', seconds: 900 },
] as const;
export type Tier = (typeof TIERS)[number]['tier'];

export interface TierSpan {
  tier: Tier;
  /** unix seconds, [from, to) */
  from: number;
  to: number;
}

/** Pieces that are next to each other and together are [from, to), which must lie on quarters of an hour. */
export function tierSpansOf(from: number, to: number, at = 0): TierSpan[] {
  const { tier, seconds } = TIERS[at]!;
  if (from >= to) return [];
  if (at === TIERS.length - 1) return [{ tier, from, to }];
  const first = Math.ceil(from / seconds) * seconds;
  const last = Math.floor(to / seconds) * seconds;
  if (first >= last) return tierSpansOf(from, to, at + 1);
  return [
    ...tierSpansOf(from, first, at + 1),
    { tier, from: first, to: last },
    ...tierSpansOf(last, to, at + 1),
  ];
}
