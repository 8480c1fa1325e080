/** What our API answers, by name: inferred from the routes themselves, so that a page cannot drift from them. */
import type { Alert } from '$domain/budget/alerts.ts';
import type { BudgetStatus as PushedBudget } from '$domain/budget/budget.ts';
import type { Projection } from '$domain/budget/projection.ts';
import type { Usage } from '$domain/cost/usage.ts';
import type { promptContentSchema } from '$domain/prompt/template.ts';
import type { InferResponseType } from 'hono/client';
import type { z } from 'zod';
import type { apiClient } from './api.ts';

export type { Alert, Usage };
/** As the list gives it; what the live socket pushes has no projection, and the one that was shown stays. */
export type BudgetStatus = PushedBudget & { projection?: Projection | null };

/** A page of a list. */
export interface Listed<T> {
  data: T[];
  nextCursor: string | null;
}

type Api = ReturnType<typeof apiClient>['api'];
type Got<Route> = InferResponseType<Route, 200>;
type RowOf<Route> = Got<Route> extends { data: (infer Row)[] } ? Row : never;

/** as it is sent: what has a default may be left out */
export type PromptContent = z.input<typeof promptContentSchema>;
export type Prompt = RowOf<Api['prompts']['$get']>;
/** One prompt with the content of one version. */
export type OpenPrompt = Got<Api['prompts'][':id']['$get']>;
export type PromptVersion = RowOf<Api['prompts'][':id']['versions']['$get']>;
export type RunAnswer = Got<Api['prompts'][':id']['run']['$post']>;

export type Model = RowOf<Api['models']['$get']>;
export type Estimate = Got<Api['token-tracking']['estimate']['$post']>;
export type Stats = Got<Api['token-tracking']['stats']['$get']>;
export type Totals = Stats['totals'];
export type Reconciliation = Got<Api['token-tracking']['reconcile']['$get']>;
export type Rebuilt = Got<Api['token-tracking']['rebuild']['$post']>;
export type Invoice = RowOf<Api['token-tracking']['invoices']['$get']>;
export type InvoiceDifference = Got<Api['token-tracking']['invoices'][':id']['difference']['$get']>;
export type RunRow = RowOf<Api['runs']['$get']>;
export type ExecutionRow = RowOf<Api['executions']['$get']>;
export type ExecutionStats = Got<Api['executions']['stats']['$get']>;
export type DeadLetter = RowOf<Api['dead-letters']['$get']>;
export type Schedule = RowOf<Api['schedules']['$get']>;
export type ScheduleFire = RowOf<Api['schedules'][':id']['fires']['$get']>;
export type RunAlerts = Got<Api['workflows'][':id']['alerts']['$get']>;
export type WorkflowVersion = RowOf<Api['workflows'][':id']['versions']['$get']>;

export type ChannelList = Got<Api['notification-channels']['$get']>;
export type Channel = ChannelList['data'][number];
export type ChannelKind = ChannelList['kinds'][number];
export type Delivery = RowOf<Api['notification-channels'][':id']['deliveries']['$get']>;

export type Guardrails = Got<Api['guardrails']['$get']>;
export type ApiKeyRow = RowOf<Api['keys']['$get']>;
export type Connection = RowOf<Api['integrations']['$get']>;
export type ConnectionDependents = Got<Api['integrations'][':id']['dependents']['$get']>;
export type ModelRoute = RowOf<Api['routes']['$get']>;
export type Provider = Got<Api['integrations']['$get']>['providers'][number];
export type Member = RowOf<Api['teams'][':id']['members']['$get']>;
export type Invitation = RowOf<Api['teams'][':id']['invitations']['$get']>;
export type Group = RowOf<Api['teams'][':id']['groups']['$get']>;
