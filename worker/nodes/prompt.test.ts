import { describe, expect, it } from 'vitest';
import { nodeContext, nodeContract } from '../../tests/contracts/node.ts';
import { NO_USAGE } from '../domain/cost/usage.ts';
import type { Refusal } from '../domain/refusal.ts';
import { prompt, type PromptAnswer, type PromptCall } from './prompt.ts';

const complete = { model: 'sandbox-small', prompt: 'Score {{ item.company }}' };
nodeContract(prompt, complete);

const spent = { inputTokens: 10, outputTokens: 5, costNanoUsd: 42 };
const usage = { ...NO_USAGE, inputTokens: 10, outputTokens: 5 };
async function run(config: Parameters<typeof prompt.run>[0], answer: Partial<PromptAnswer> | Refusal) {
  const calls: PromptCall[] = [];
  const deps = {
    async runPrompt(call: PromptCall) {
      calls.push(call);
      return 'reason' in answer
        ? { ok: false, error: answer }
        : {
            ok: true,
            value: { text: '', usage, costNanoUsd: 42, model: 'sandbox-small', spend: spent, ...answer },
          };
    },
  };
  const context = nodeContext({ deps, keyId: 'key_1', tags: ['acme'], budgetNanoUsd: 500, attempt: 2 });
  return { outcome: await prompt.run(config, context), call: calls[0]! };
}

describe('prompt', () => {
  it('gives text, usage and cost, and says what it spent', async () => {
    const { outcome } = await run(complete, { text: 'hello' });
    expect(outcome).toEqual({
      ok: true,
      value: {
        output: { text: 'hello', usage, costNanoUsd: 42, model: 'sandbox-small' },
        spend: { inputTokens: 10, outputTokens: 5, costNanoUsd: 42 },
      },
    });
  });

  it('hands its fallbacks on, and counts what failed attempts before the answer were billed', async () => {
    const spend = { inputTokens: 30, outputTokens: 9, costNanoUsd: 50 };
    const { outcome, call } = await run({ ...complete, fallback: ['b', 'c'] }, { costNanoUsd: 50, spend });
    expect(call.fallback).toEqual(['b', 'c']);
    expect(outcome).toMatchObject({ ok: true, value: { output: { costNanoUsd: 50, usage }, spend } });
  });

  it('counts what a failed call was billed all the same', async () => {
    const { outcome } = await run(complete, {
      reason: 'provider_failed',
      provider: 'x',
      status: 504,
      message: 'late',
      failure: 'unknown',
      billed: spent,
    });
    expect(outcome).toMatchObject({ ok: false, error: { reason: 'unknown', spend: spent } });
  });

  it('calls as the run and node it stands in, by one run id for every attempt', async () => {
    const { call } = await run(complete, { text: '' });
    expect(call).toMatchObject({
      runId: 'run_abc',
      attempt: 2,
      executionLimitNanoUsd: 500,
      subject: {
        teamId: 'team_1',
        workflowId: 'wf_1',
        executionId: 'exec_1',
        nodeId: 'n',
        keyId: 'key_1',
        tags: ['acme'],
      },
    });
  });

  const responseSchema = {
    type: 'object',
    properties: { score: { type: 'integer', minimum: 0, maximum: 10 } },
    required: ['score'],
  };

  it('parses an answer that has a schema', async () => {
    const { outcome } = await run({ ...complete, responseSchema }, { text: '{"score":8}' });
    expect(outcome).toMatchObject({ value: { output: { json: { score: 8 } } } });
  });

  it.each([
    ['is not JSON', 'eight', /not JSON/],
    ['does not fit', '{"score":11}', /score/],
  ])('is refused, and its spend still counted, when the answer %s', async (_, text, message) => {
    const { outcome } = await run({ ...complete, responseSchema }, { text });
    expect(outcome).toMatchObject({
      ok: false,
      error: { reason: 'refused', message: expect.stringMatching(message), spend: { costNanoUsd: 42 } },
    });
  });

  it.each<[Refusal, object]>([
    [{ reason: 'budget_unavailable' }, { reason: 'not_sent' }],
    [
      {
        reason: 'provider_failed',
        provider: 'p',
        status: 429,
        message: 'slow',
        failure: 'not_sent',
        retryAfterSeconds: 3,
      },
      { reason: 'not_sent', retryAfterMs: 3000 },
    ],
    [
      { reason: 'provider_failed', provider: 'p', status: 500, message: 'oops', failure: 'unknown' },
      { reason: 'unknown' },
    ],
    [
      { reason: 'model_not_found', model: 'm' },
      { reason: 'refused', field: 'model' },
    ],
  ])('meets %j as %j', async (refusal, failure) => {
    const { outcome } = await run(complete, refusal);
    expect(outcome).toMatchObject({ ok: false, error: failure });
  });

  it('says what is missing when it has neither a prompt nor one of the library', () => {
    const issues = prompt.configSchema.safeParse({ model: 'm' }).error?.issues;
    expect(issues).toMatchObject([{ path: ['prompt'] }]);
  });

  it('refuses a response schema that is none', () => {
    const broken = { ...complete, responseSchema: { type: 'banana' } };
    expect(prompt.configSchema.safeParse(broken).error?.issues).toMatchObject([{ path: ['responseSchema'] }]);
  });
});
