/** Composition root: env -> the record of things the use cases need. Everything that touches the outside is made here. */
import { drizzle, type DrizzleD1Database } from 'drizzle-orm/d1';
import { makeId, type IdKind } from './domain/ids.ts';
import type { TeamJudge } from './domain/budget/team.ts';
import type { Judge } from './domain/budget/budget.ts';
import { varsOf, type Vars } from './env.ts';
import { teamJudge, teamStub } from './store/judge.ts';
import * as schema from './store/schema.ts';

export type Db = DrizzleD1Database<typeof schema>;

export interface Services {
  env: Env;
  vars: Vars;
  db: Db;
  /** ms since the epoch */
  now(): number;
  newId(kind: IdKind): string;
  /** who admits and books the calls of a team; throws CouldNotAsk (store/judge.ts) when it does not answer */
  judge(teamId: string): Judge;
  /** everything else that a team's budget object is asked */
  team(teamId: string): TeamJudge;
}

const made = new WeakMap<object, Services>();

/** One record per environment, made on first use. */
export function services(env: Env): Services {
  let record = made.get(env);
  if (!record) {
    const team = (teamId: string) => teamJudge(() => teamStub(env, teamId));
    record = {
      env,
      vars: varsOf(env),
      db: drizzle(env.DB, { schema }),
      now: () => Date.now(),
      newId: (kind) => makeId(kind, Date.now(), crypto.getRandomValues(new Uint8Array(10))),
      judge: team,
      team,
    };
    made.set(env, record);
  }
  return record;
}
