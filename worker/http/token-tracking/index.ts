/** /api/token-tracking: budgets, what was spent, and the proof that it adds up. */
import { newRoutes } from '../routes.ts';
import { alerts } from './alerts.ts';
import { budgets } from './budgets.ts';
import { invoices } from './invoices.ts';
import { ledger } from './ledger.ts';
import { rebuild } from './rebuild.ts';
import { reconcile } from './reconcile.ts';
import { stats } from './stats.ts';
import { usageLogging } from './usage-log.ts';

export const tokenTracking = newRoutes()
  .route('/', budgets)
  .route('/', alerts)
  .route('/', ledger)
  .route('/', reconcile)
  .route('/', rebuild)
  .route('/', invoices)
  .route('/', stats)
  .route('/', usageLogging);
