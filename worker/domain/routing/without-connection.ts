/** What becomes of calls when a connection is taken away: they never went there, go on elsewhere, or are refused. */
import type { ChainTarget } from './chain.ts';

/** Where a target leads: a connection and its provider's own model name. */
export interface Place<C> {
  connection: C;
  model: string;
}

/** The first place of a call that stays; `refused` when none does. */
export type Fate<C> = 'untouched' | 'refused' | Place<C>;

/**
 * `lead` finds where a target leads among some connections, as a paid call would. A call that only loses a fallback also counts: it
 * is less safe than it was.
 */
export function fateWithout<C extends { id: string }>(
  chain: readonly ChainTarget[],
  {
    leaving,
    connections,
    lead,
  }: {
    leaving: string;
    connections: readonly C[];
    lead: (target: ChainTarget, among: readonly C[]) => Place<C> | null;
  },
): Fate<C> {
  if (!chain.some((target) => lead(target, connections)?.connection.id === leaving)) return 'untouched';
  const left = connections.filter(({ id }) => id !== leaving);
  for (const target of chain) {
    const place = lead(target, left);
    if (place) return place;
  }
  return 'refused';
}

/** Of several calls of one thing the worst fate, which is what its owner must hear of. */
export function worstFate<C>(fates: readonly Fate<C>[]): Fate<C> {
  if (fates.includes('refused')) return 'refused';
  return fates.find((fate) => fate !== 'untouched') ?? 'untouched';
}
