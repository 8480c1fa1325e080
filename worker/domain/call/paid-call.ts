/**
 * The one story of every paid call, told by gateway, prompt runs and workflow nodes alike:
 * price -> ceiling -> reserve -> provider -> usage -> exact cost -> settle. No call reaches a provider without a reservation,
 * and the caller sees its end only after it was settled.
 */
import type { CallSubject, ExecutionType } from '../budget/budget.ts';
import type { Refusal } from '../refusal.ts';
import type { Result } from '../result.ts';
import type { Usage, UsageSource } from '../cost/usage.ts';
import type { WireFormat } from '../contracts/provider.ts';

export interface PaidCallRequest {
  runId: string;
  attempt: number;
  subject: CallSubject;
  executionType: ExecutionType;
  format: WireFormat;
  /** wire-format body; `model` inside is what the caller named: "gpt-4o", "sandbox-small" or "<provider>/<model>" */
  body: Record<string, unknown>;
  stream: boolean;
  /** may max tokens be lowered to what the budget leaves? (B04) */
  clampable: boolean;
  maxCostNanoUsd?: number | null;
  executionLimitNanoUsd?: number | null;
  onDisconnect: 'drain' | 'cancel';
  signal?: AbortSignal;
  timeoutMs?: number;
}

export interface CallReceipt {
  runId: string;
  attempt: number;
  provider: string;
  model: string;
  usage: Usage;
  source: UsageSource;
  costNanoUsd: number;
  latencyMs: number;
  /** max tokens as sent, when the budget lowered it */
  clampedMaxTokens: number | null;
}

/** A JSON call, settled. */
export interface PaidAnswer {
  receipt: CallReceipt;
  /** the provider's body, byte for byte */
  bodyText: string;
  /** the assistant's text */
  text: string;
}

/** A stream: bytes for the caller; `done` resolves once it is settled. The last bytes are held back until then. */
export interface PaidStream {
  runId: string;
  body: ReadableStream<Uint8Array>;
  clampedMaxTokens: number | null;
  done: Promise<CallReceipt>;
}

export interface PaidCalls {
  call(request: PaidCallRequest): Promise<Result<PaidAnswer, Refusal>>;
  stream(request: PaidCallRequest): Promise<Result<PaidStream, Refusal>>;
}
