/** The breakers of this isolate, in memory: by team and by place (a connection and its model). A place without trouble has none. */
import {
  begun,
  CLOSED,
  failed,
  isCalm,
  letGo,
  standing,
  succeeded,
  type Breaker,
  type Standing,
} from './breaker.ts';

const MAX_TEAMS = 1_000;
const MAX_PLACES = 200;

export interface Breakers {
  /** false = every place of this team is closed, so nobody need ask further */
  any(teamId: string): boolean;
  standing(teamId: string, place: string, nowMs: number): Standing;
  begin(teamId: string, place: string, nowMs: number): void;
  end(teamId: string, place: string, end: { how: 'succeeded' | 'failed' | 'neither'; nowMs: number }): void;
}

export function breakers(): Breakers {
  const teams = new Map<string, Map<string, Breaker>>();
  const of = (teamId: string, place: string) => teams.get(teamId)?.get(place) ?? CLOSED;
  const keep = (teamId: string, place: string, breaker: Breaker) => {
    const places = teams.get(teamId) ?? new Map<string, Breaker>();
    places.delete(place);
    if (!isCalm(breaker)) places.set(place, breaker);
    if (places.size > MAX_PLACES) places.delete(places.keys().next().value!);
    teams.delete(teamId);
    if (places.size > 0) teams.set(teamId, places);
    if (teams.size > MAX_TEAMS) teams.delete(teams.keys().next().value!);
  };
  return {
    any: (teamId) => teams.has(teamId),
    standing: (teamId, place, nowMs) => standing(of(teamId, place), nowMs),
    begin: (teamId, place, nowMs) => {
      const before = of(teamId, place);
      const after = begun(before, nowMs);
      if (after !== before) keep(teamId, place, after);
    },
    end(teamId, place, { how, nowMs }) {
      const before = of(teamId, place);
      if (how === 'failed') keep(teamId, place, failed(before, nowMs));
      else if (before !== CLOSED)
        keep(teamId, place, how === 'succeeded' ? succeeded(before, nowMs) : letGo(before));
    },
  };
}
