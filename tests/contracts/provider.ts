/** What every provider must do, whatever its wire format: called by each provider's own test against a server under its control. */
import { describe, expect, it } from 'vitest';
import type {
  Connection,
  ForwardRequest,
  Provider,
  ProviderDeps,
  WireFormat,
} from '../../worker/domain/contracts/provider.ts';
import { formatOf } from '../../worker/providers/registry.ts';

export interface ProviderFixture {
  provider: Provider;
  /** the wire format it is asked in; its first one unless named */
  format?: WireFormat;
  deps: ProviderDeps;
  connection: Connection;
  /** a model that answers */
  model: string;
  /** a model (or request) whose call is refused with this status and Retry-After */
  busy: { model: string; retryAfterMs: number };
  broken: { model: string; status: number };
}

/** The same question in each wire format, as a caller would send it. */
function bodyIn(format: WireFormat, stream: boolean): Record<string, unknown> {
  const question = 'How are you?';
  if (format === 'gemini_generate')
    return {
      contents: [{ role: 'user', parts: [{ text: question }] }],
      generationConfig: { maxOutputTokens: 40 },
    };
  return {
    messages: [{ role: 'user', content: question }],
    max_tokens: 40,
    ...(stream ? { stream: true } : {}),
  };
}

export function providerContract(name: string, fixture: () => ProviderFixture): void {
  describe(`${name} keeps the contract of a provider`, () => {
    const ask = (model: string, more: Partial<ForwardRequest> = {}): ForwardRequest => ({
      format: format(),
      body: formatOf(format()).outgoing(bodyIn(format(), more.stream ?? false), {
        model,
        stream: more.stream ?? false,
      }).body,
      stream: false,
      idempotencyKey: 'run_1.1',
      signal: new AbortController().signal,
      timeoutMs: 5_000,
      ...more,
    });
    const format = () => fixture().format ?? fixture().provider.formats[0]!;
    const send = (request: ForwardRequest) =>
      fixture().provider.forward(request, fixture().connection, fixture().deps);

    it('answers a body out of which text and usage can be read', async () => {
      const answer = await send(ask(fixture().model));
      if (!answer.ok) throw new Error(answer.error.message);
      const body: unknown = await answer.value.json();
      const reader = formatOf(format());
      expect(reader.textOf(body)).not.toBe('');
      expect(reader.usageOf(body)?.usage.inputTokens).toBeGreaterThan(0);
      expect(reader.usageOf(body)?.usage.outputTokens).toBeGreaterThan(0);
    });

    it('streams events out of which the same can be read, up to their end', async () => {
      const answer = await send(ask(fixture().model, { stream: true }));
      if (!answer.ok) throw new Error(answer.error.message);
      const reader = formatOf(format()).streamReader({ usageInjected: false, choices: 1 });
      for (const event of (await answer.value.text()).split(/\r?\n\r?\n/).filter(Boolean))
        reader.event(event.replace(/^(event: .*\n)?data: /, ''));
      expect(reader.finishing()).toBe(true);
      expect(reader.text()).not.toBe('');
      expect(reader.usage()?.usage.outputTokens).toBeGreaterThan(0);
    });

    it('tells a busy provider as safe to retry, with the wait it asks for', async () => {
      const { model, retryAfterMs } = fixture().busy;
      expect(await send(ask(model))).toMatchObject({
        ok: false,
        error: { failure: 'not_sent', status: 429, retryAfterMs },
      });
    });

    it('tells a broken provider as unknown, in its own words', async () => {
      const { model, status } = fixture().broken;
      const answer = await send(ask(model));
      expect(answer).toMatchObject({ ok: false, error: { failure: 'unknown', status } });
      expect(!answer.ok && answer.error.body).toContain(!answer.ok && answer.error.message);
    });

    it('sends nothing when the call is already cancelled', async () => {
      expect(await send(ask(fixture().model, { signal: AbortSignal.abort() }))).toMatchObject({
        ok: false,
        error: { status: 0 },
      });
    });

    it('lists its models when it is tested', async () => {
      const tested = await fixture().provider.test(fixture().connection, fixture().deps);
      expect(tested.ok && tested.value.models.length).toBeGreaterThan(0);
    });
  });
}
