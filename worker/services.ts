/** Composition root: env -> the record of things the use cases need. Everything that touches the outside is made here. */
import { drizzle, type DrizzleD1Database } from 'drizzle-orm/d1';
import { createTokenCounter, type TokenCounter } from './domain/cost/count.ts';
import { createPriceTable, type PriceTable } from './domain/cost/price-table.ts';
import { makeId, type IdKind } from './domain/ids.ts';
import { varsOf, type Vars } from './env.ts';
import shippedPrices from './generated/prices.json';
import { ranksFromAssets } from './store/ranks.ts';
import * as schema from './store/schema.ts';

export type Db = DrizzleD1Database<typeof schema>;

export interface Services {
  env: Env;
  vars: Vars;
  db: Db;
  /** ms since the epoch */
  now(): number;
  newId(kind: IdKind): string;
  /** shipped and sandbox prices; overrides are handed to its lookup */
  prices: PriceTable;
  counter: TokenCounter;
}

/** Parsed once per isolate: pure data. */
const prices = createPriceTable(shippedPrices);

/** One per isolate: its ranks take about 40 MB. Assets are the same for every environment. */
let counter: TokenCounter | undefined;
const counterOf = (assets: Fetcher | undefined): TokenCounter =>
  (counter ??= createTokenCounter({
    loadRanks: assets ? ranksFromAssets(assets) : null,
    yieldNow: () => scheduler.wait(0),
    patience: () => scheduler.wait(2_000).then(() => null),
  }));

const made = new WeakMap<object, Services>();

/** One record per environment, made on first use. */
export function services(env: Env): Services {
  let record = made.get(env);
  if (!record) {
    record = {
      env,
      vars: varsOf(env),
      db: drizzle(env.DB, { schema }),
      now: () => Date.now(),
      newId: (kind) => makeId(kind, Date.now(), crypto.getRandomValues(new Uint8Array(10))),
      prices,
      counter: counterOf(env.ASSETS),
    };
    made.set(env, record);
  }
  return record;
}
