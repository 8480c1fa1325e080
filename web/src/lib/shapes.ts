/** What our API answers, as the pages read it (api.md). Domain values come from the domain; the rest is named here once. */
import type { Alert } from '$domain/budget/alerts.ts';
import type { BudgetStatus } from '$domain/budget/budget.ts';
import type { Role } from '$domain/access/roles.ts';
import type { Usage } from '$domain/cost/usage.ts';
import type { InferResponseType } from 'hono/client';
import type { apiClient } from './api.ts';

export type { Alert, BudgetStatus, Usage };

/** A page of a list. */
export interface Listed<T> {
  data: T[];
  nextCursor: string | null;
}

export interface PromptContent {
  system?: string;
  /** come between system and prompt */
  messages?: { role: 'system' | 'user' | 'assistant'; content: string }[];
  prompt?: string;
  variables?: { name: string; type?: string; default?: unknown; required?: boolean; description?: string }[];
  tools?: Record<string, unknown>[];
  model: string;
  temperature?: number;
  maxTokens?: number;
  responseSchema?: Record<string, unknown>;
}
export interface PromptVersion {
  version: number;
  content: PromptContent;
  note: string;
  author: string;
  createdAt: string;
}
export interface Prompt {
  id: string;
  name: string;
  description: string;
  tags: string[];
  latestVersion: number;
  labels: Record<string, number>;
  createdAt: string;
  updatedAt: string;
}
/** One prompt with the content of one version. */
export interface OpenPrompt extends Prompt {
  version: number;
  content: PromptContent;
}
export interface RunAnswer {
  runId: string;
  output: string;
  model: string;
  usage: Usage;
  costNanoUsd: number;
  latencyMs: number;
}

type Client = ReturnType<typeof apiClient>;
export type Model = InferResponseType<Client['api']['models']['$get'], 200>['data'][number];
export type Estimate = InferResponseType<Client['api']['token-tracking']['estimate']['$post'], 200>;

export interface Totals {
  runs: number;
  inputTokens: number;
  outputTokens: number;
  costNanoUsd: number;
}
export interface Stats {
  totals: Totals;
  series: (Totals & { start: string })[];
  groups: (Totals & { key: string; label: string })[];
}
export interface Reconciliation {
  ledgerNanoUsd: number;
  rollupNanoUsd: number;
  pendingNanoUsd: number;
  counterNanoUsd: number;
  heldNanoUsd: number;
  driftNanoUsd: number;
  asOf: string;
}
export interface RunRow {
  id: string;
  status: string;
  model: string;
  inputTokens: number;
  outputTokens: number;
  costNanoUsd: number;
  latencyMs: number;
  promptId?: string | null;
  workflowId?: string | null;
  executionId?: string | null;
  createdAt: string;
}
export interface ApiKeyRow {
  id: string;
  name: string;
  prefix: string;
  role: Role;
  tags: string[];
  createdAt: string;
  expiresAt: string | null;
  lastUsedAt: string | null;
}
export interface Connection {
  id: string;
  provider: string;
  name: string;
  keyHint: string | null;
  baseUrl: string | null;
  models: string[];
  testedAt: string | null;
  source: 'built_in' | 'deployment' | 'team';
}
export interface Provider {
  id: string;
  label: string;
  needsKey: boolean;
  defaultBaseUrl: string | null;
}
export interface Member {
  id: string;
  userId: string;
  name: string;
  email: string;
  role: Role;
  createdAt: string;
}
export interface Invitation {
  id: string;
  email: string;
  role: Role;
  status: 'pending' | 'accepted' | 'cancelled' | 'expired';
  expiresAt: string;
  createdAt: string;
  token: string | null;
}
