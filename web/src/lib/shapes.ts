/** What our API answers, by name: inferred from the routes themselves, so that a page cannot drift from them. */
import type { Alert } from '$domain/budget/alerts.ts';
import type { BudgetStatus } from '$domain/budget/budget.ts';
import type { Usage } from '$domain/cost/usage.ts';
import type { promptContentSchema } from '$domain/prompt/template.ts';
import type { InferResponseType } from 'hono/client';
import type { z } from 'zod';
import type { apiClient } from './api.ts';

export type { Alert, BudgetStatus, Usage };

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
export type RunRow = RowOf<Api['runs']['$get']>;
export type ExecutionRow = RowOf<Api['executions']['$get']>;

export type ApiKeyRow = RowOf<Api['keys']['$get']>;
export type Connection = RowOf<Api['integrations']['$get']>;
export type ModelRoute = RowOf<Api['routes']['$get']>;
export type Provider = Got<Api['integrations']['$get']>['providers'][number];
export type Member = RowOf<Api['teams'][':id']['members']['$get']>;
export type Invitation = RowOf<Api['teams'][':id']['invitations']['$get']>;
