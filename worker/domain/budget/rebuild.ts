/** Rebuilding a team's counters from the ledger: what is handed to the budget object, and what it answers. Pure shapes, no rules of their own. */
import type { ScopeKey } from './scopes.ts';

/** Where a rebuild stands. It is kept by the object, so that one request may go on where another stopped, or two go on at once. */
export interface RebuildState {
  /** ledger rows up to this number are counted in */
  seq: number;
  /** rows that retention removed cannot be counted anew: what they cost is carried, and a change of it begins the rebuild anew */
  carried: Carried;
  /** false = only compare */
  apply: boolean;
  /** how far the rollups are, kept for the caller; null = not begun */
  rollups: unknown;
}

export interface Carried {
  rows: number;
  costNanoUsd: number;
  /** spend booked before this instant (ms) is left as it stands: rows of that time may be gone; null = none are */
  beforeMs: number | null;
}

/** Sums of ledger rows with fromSeq < seq <= toSeq, per scope and quarter of an hour (unix seconds). */
export interface RebuildSlice {
  fromSeq: number;
  toSeq: number;
  costNanoUsd: number;
  spend: { scope: ScopeKey; bucket: number; costNanoUsd: number }[];
}

export interface ScopeDifference {
  scope: ScopeKey;
  /** sums over the quarters of an hour that differ */
  beforeNanoUsd: number;
  afterNanoUsd: number;
  quarters: number;
}

export interface RebuiltCounters {
  totalBeforeNanoUsd: number;
  totalAfterNanoUsd: number;
  /** all scopes that differ; `scopes` are those with the largest differences */
  differingScopes: number;
  scopes: ScopeDifference[];
}

/** `behind`: rows above the slices given so far have left the outbox meanwhile; they stand in the ledger: read on and ask again. */
export type RebuildRefusal = { reason: 'behind' } | { reason: 'not_begun' };
