/**
 * What a provider must be. One file in worker/providers, one line in its registry, one test that calls the contract suite.
 * A provider forwards a body in a wire format it speaks and reads usage out of what came back; it knows no budget, store or route.
 */
import type { z } from 'zod';
import type { TierAsk } from '../cost/service-tier.ts';
import type { ToolKind, Usage } from '../cost/usage.ts';
import type { JsonText } from '../data/json-text.ts';
import type { Issue } from '../refusal.ts';
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
  /** what else its connectSchema asks for */
  options?: Readonly<Record<string, string>>;
  /** true = the deployment's, for every team: what its provider tells of its limits is nobody's business */
  shared?: boolean;
}

export interface ForwardRequest {
  format: WireFormat;
  /** the wire format's own JSON body, as it goes upstream */
  body: Record<string, unknown>;
  /** the caller's own text, whose digits and order are kept where `body` says the same (`textOf`); none where we wrote the body */
  original?: JsonText;
  stream: boolean;
  /** the caller's own headers that are part of the wire format (API version, betas); default none */
  headers?: Readonly<Record<string, string>>;
  /** our idempotency key for this attempt */
  idempotencyKey: string;
  /** aborted with a TimeoutError, the call took too long; with anything else, its caller left */
  signal: AbortSignal;
  /** absent = the signal alone says when to stop */
  timeoutMs?: number;
}

/** Asks only how many tokens a request's input has; costs nothing. */
export type InputCountRequest = Pick<ForwardRequest, 'format' | 'body' | 'original' | 'headers' | 'signal'>;

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

/** Usage as the provider reported it. `flags` names what was odd about it (`quarantined`: its parts exceeded its total). */
export interface ReportedUsage {
  usage: Usage;
  /** the provider's own usage JSON, kept so that the row can be re-priced */
  raw: string;
  flags: string[];
}

/** What bounds the cost of a request beside its input. */
export interface Ask {
  /** per answer; null = not named */
  maxOutputTokens: number | null;
  /** how many answers */
  choices: number;
  /** may audio go in or come out? */
  audio: boolean;
  /** how many billed web searches may it make? */
  webSearches: number;
  /** how many other billed things may it use? default none */
  toolCalls?: Partial<Record<ToolKind, number>>;
  /** which service tiers may it be served under? default standard only */
  tier?: TierAsk;
  /** may it be served in a region with a surcharge? default no */
  regional?: boolean;
  /** rounds that may be billed beside the answer, each with the whole input again; default none */
  rounds?: readonly AskedRound[];
}

export interface AskedRound {
  /** null = once more on the call's own model */
  model: string | null;
  /** null = as much as the answer itself may have */
  maxOutputTokens: number | null;
}

/** How to read and to adjust one wire format. Pure; worker/providers/formats/. */
export interface FormatReader {
  format: WireFormat;
  /** what bounds the cost of a request */
  askOf(body: Record<string, unknown>): Ask;
  /** the same request with its max output tokens set */
  withMaxOutput(body: Record<string, unknown>, tokens: number): Record<string, unknown>;
  /** the body as it goes upstream: the provider's own model name, and streams always ask for usage (B11) */
  outgoing(
    body: Record<string, unknown>,
    to: { model: string; stream: boolean },
  ): { body: Record<string, unknown>; usageInjected: boolean };
  /** usage of a whole JSON body; null when it carries none that makes sense */
  usageOf(body: unknown): ReportedUsage | null;
  /** the assistant's text of a whole JSON body */
  textOf(body: unknown): string;
  /** everything that was generated (tool calls too), for estimates */
  generatedOf(body: unknown): string;
  /** the provider's message when a 200 carries an error instead of an answer; null when it is no error */
  errorOf(body: unknown): string | null;
  /** an error as an event of a stream that has begun, bytes and all */
  errorEvent(error: Record<string, unknown>): string;
  /** reads a stream event by event; successive usage objects are merged, last non-null wins, never added */
  streamReader(request: { usageInjected: boolean; choices: number }): StreamReader;
}

/**
 * How a call in one wire format is told to a provider in another. Pure; worker/providers/convert/. Usage, cost and errors are read by the
 * FormatReader of the provider's own bytes; this only says the same things in other words.
 */
export interface Conversion {
  /** the format that the provider is spoken to in */
  format: WireFormat;
  /** the request in the provider's format; what cannot be said there is named, never left out */
  request(body: Record<string, unknown>, to: ConversionTarget): Result<Record<string, unknown>, Issue[]>;
  /** the provider's whole JSON answer in the caller's format */
  answer(body: unknown, told: ConvertedCall & { usage: Usage }): Record<string, unknown>;
  stream(told: ConvertedCall): StreamConversion;
}

/** Who is to answer. */
export interface ConversionTarget {
  /** the provider's own model name */
  model: string;
  /** the most that it may write; null = not known */
  maxOutputTokens: number | null;
  stream: boolean;
}

/** What the caller's shape repeats of the call itself. */
export interface ConvertedCall {
  /** the caller's own body */
  body: Record<string, unknown>;
  runId: string;
  nowMs: number;
}

export interface StreamConversion {
  /** the caller's events for one event of the provider (its data text), '' for none; never one that tells of the end */
  event(data: string): string;
  /** the events that end the stream: finish reasons, usage, the format's own end */
  end(usage: Usage): string;
}

export interface StreamReader {
  /** one SSE event (its data text); returns what is to be sent downstream instead of it, null to leave it out, undefined to pass it as it came */
  event(data: string): string | null | undefined;
  usage(): ReportedUsage | null;
  /** what it reported before its end: its input stands, its output may still have grown. Null when it has not said what went in */
  usageSoFar(): ReportedUsage | null;
  /** text so far, for prompt runs */
  text(): string;
  /** everything generated so far (tool calls too), for the estimate when the stream is cut (B08) */
  generated(): string;
  /** the message of an error event, when one came */
  error(): string | null;
  /** true from the first event on that tells the caller how it ended: held back until the call is settled */
  finishing(): boolean;
  /** true once the wire format's own end was seen; never for a format without one, whose streams end by closing */
  ended(): boolean;
}

export interface Provider {
  id: string;
  label: string;
  /** shape of the connect form beside the key: `baseUrl`, and texts that stand in the connection's options */
  connectSchema: z.ZodObject;
  needsKey: boolean;
  /** true = a connection may do without the key; default false */
  keyOptional?: boolean;
  /** true = a team may declare its models free: nobody publishes prices of them; default false */
  mayBeFree?: boolean;
  /** what it does where a request says nothing, as fields of the request: bounds the cost, is not sent; default nothing */
  unsaid?(connection: Connection): Readonly<Record<string, unknown>>;
  formats: readonly WireFormat[];
  defaultBaseUrl: string | null;
  /** models that are there without asking; others are listed by test() */
  models: readonly string[];
  /** one cheap call that proves the key; the failure's message is the provider's own words */
  test(connection: Connection, deps: ProviderDeps): Promise<Result<{ models: string[] }, ProviderFailure>>;
  /** sends and answers with the provider's response headers received and a 2xx status; the body is unread */
  forward(
    request: ForwardRequest,
    connection: Connection,
    deps: ProviderDeps,
  ): Promise<Result<Response, ProviderFailure>>;
  /** the provider's own count of a request's input tokens, where it has one for free */
  countInput?(
    request: InputCountRequest,
    connection: Connection,
    deps: ProviderDeps,
  ): Promise<Result<number, ProviderFailure>>;
}

export interface ProviderDeps {
  fetch: typeof fetch;
  /** exact counts: the built-in provider reports them as its usage */
  count: TokenCounts;
  /** resolves after `ms`; rejects with the signal's reason when aborted before */
  sleep(ms: number, signal?: AbortSignal | null): Promise<void>;
  /**
   * Does anybody accept connections at this URL now? Asked after a connection that broke without a cause; true when that
   * cannot be known. Where nobody does, the request was not sent (or died with its server, which bills nothing).
   */
  listens(url: string): Promise<boolean>;
}

/** Token counts of text and of whole requests, never below the truth. */
export interface TokenCounts {
  /** of a text */
  text(model: string, text: string): Promise<number>;
  /** of a request's input, framing included */
  request(model: string, format: WireFormat, body: Record<string, unknown>): Promise<number>;
}

export const defineProvider = <const P extends Provider>(provider: P): P => provider;
