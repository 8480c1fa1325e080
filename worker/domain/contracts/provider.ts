/**
 * What a provider must be. One file in worker/providers, one line in its registry, one test that calls the contract suite.
 * A provider forwards a body in a wire format it speaks and reads usage out of what came back; it knows no budget, store or route.
 */
import type { z } from 'zod';
import type { Usage } from '../cost/usage.ts';
import type { Result } from '../result.ts';

export type WireFormat =
  'openai_chat' | 'openai_responses' | 'openai_embeddings' | 'anthropic_messages' | 'gemini_generate';

/** A team's (or the deployment's) way to a provider; the key is unsealed just before the call. */
export interface Connection {
  id: string;
  provider: string;
  name: string;
  apiKey: string;
  baseUrl: string | null;
  headers: Record<string, string>;
}

export interface ForwardRequest {
  format: WireFormat;
  /** the wire format's own JSON body, as it goes upstream */
  body: Record<string, unknown>;
  stream: boolean;
  /** our idempotency key for this attempt */
  idempotencyKey: string;
  signal: AbortSignal;
  timeoutMs: number;
}

/** engine.md rule 5: not_sent is safe to retry, refused is pointless to retry, unknown may have been billed. */
export interface ProviderFailure {
  reason: 'provider_failed';
  failure: 'not_sent' | 'refused' | 'unknown';
  /** the provider's HTTP status; 0 when it could not be reached; 502 when it answered nonsense */
  status: number;
  message: string;
  retryAfterMs: number | null;
  /** its body as it came, for the caller, null when there is none */
  body: string | null;
}

/** How to read one wire format: usage out of JSON bodies and streams, text out of answers. Pure; worker/providers/formats/. */
export interface FormatReader {
  format: WireFormat;
  /** usage of a whole JSON body; null when it carries none */
  usageOf(body: unknown): { usage: Usage; raw: string } | null;
  /** the assistant's text of a whole JSON body */
  textOf(body: unknown): string;
  /** reads a stream event by event; successive usage objects are merged, last non-null wins, never added */
  streamReader(): StreamReader;
}

export interface StreamReader {
  /** one SSE event (its data text); returns what is to be sent downstream instead of it, null to leave it out, undefined to pass it as it came */
  event(data: string): string | null | undefined;
  usage(): { usage: Usage; raw: string } | null;
  /** text so far, for the estimate when the stream is cut (B08) and for prompt runs */
  text(): string;
  /** true once the wire format's own end was seen */
  ended(): boolean;
}

export interface Provider {
  id: string;
  label: string;
  /** shape of the connect form beside the key */
  connectSchema: z.ZodType;
  needsKey: boolean;
  formats: readonly WireFormat[];
  defaultBaseUrl: string | null;
  /** one cheap call that proves the key; the failure's message is the provider's own words */
  test(connection: Connection, deps: ProviderDeps): Promise<Result<{ models: string[] }, ProviderFailure>>;
  /** sends and answers with the provider's response headers received and a 2xx status; the body is unread */
  forward(
    request: ForwardRequest,
    connection: Connection,
    deps: ProviderDeps,
  ): Promise<Result<Response, ProviderFailure>>;
}

export interface ProviderDeps {
  fetch: typeof fetch;
}

export const defineProvider = <const P extends Provider>(provider: P): P => provider;
