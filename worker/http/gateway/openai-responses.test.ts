import { env } from 'cloudflare:workers';
import OpenAI from 'openai';
import { describe, expect, it } from 'vitest';
import { budget, ledger } from '../../../tests/workers/books.ts';
import { anonymous, makeKey, makeTeam, ORIGIN, type Fetch } from '../../../tests/workers/fixtures.ts';
import { services } from '../../services.ts';

const ask = { model: 'sandbox-small', input: 'How do we greet a lead from Zürich?', max_output_tokens: 60 };
const INPUT_NANO = 300;
const OUTPUT_NANO = 1500;

/** The official client, with nothing changed but base URL and key; requests go to the real Worker. */
const client = (key: string, prefix = '/v1') =>
  new OpenAI({
    apiKey: key,
    baseURL: `${ORIGIN}${prefix}`,
    maxRetries: 0,
    dangerouslyAllowBrowser: true,
    fetch: (url, init) => anonymous(String(url).replace(ORIGIN, ''), init as RequestInit),
  });

async function team() {
  const { teamId } = await makeTeam();
  const { key, fetch } = await makeKey(teamId, 'runner');
  return { teamId, key, fetch, judge: services(env).team(teamId), openai: client(key) };
}

const json = async (response: Response) => (await response.json()) as Record<string, any>;
const post = (fetch: Fetch, path: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(path, { json: body, headers });

describe('responses, asked for by the official client', () => {
  it('come under both addresses, and say what they cost', async () => {
    const { key, teamId } = await team();
    for (const prefix of ['/v1', '/api/integrations/openai/v1']) {
      const { data, response } = await client(key, prefix).responses.create(ask).withResponse();
      expect(data.output_text).toContain('You wrote: "How do we greet');
      expect(response.headers.get('x-pm-run-id')).toMatch(/^run_/);
      expect(Number(response.headers.get('x-pm-cost-nano-usd'))).toBe(
        data.usage!.input_tokens * INPUT_NANO + data.usage!.output_tokens * OUTPUT_NANO,
      );
    }
    expect((await ledger(teamId, 2))[0]).toMatchObject({ status: 'succeeded', source: 'reported' });
  });

  it('stream from response.created to response.completed, and are booked by then', async () => {
    const { openai, judge } = await team();
    const whole = await openai.responses.create({ ...ask, max_output_tokens: 500 });
    const spent = (await judge.cutAt(0)).counterNanoUsd;
    const types: string[] = [];
    let text = '';
    for await (const event of await openai.responses.create({
      ...ask,
      max_output_tokens: 500,
      stream: true,
    })) {
      types.push(event.type);
      if (event.type === 'response.output_text.delta') text += event.delta;
      if (event.type === 'response.completed') {
        expect(event.response.usage).toEqual(whole.usage);
        expect(await judge.cutAt(0)).toMatchObject({ counterNanoUsd: 2 * spent, heldNanoUsd: 0 });
      }
    }
    expect([types[0], types.at(-1)]).toEqual(['response.created', 'response.completed']);
    expect(text).toBe(whole.output_text);
  });

  it('end incomplete at their maximum', async () => {
    const { openai } = await team();
    const cut = await openai.responses.create({ ...ask, max_output_tokens: 3 });
    expect([cut.status, cut.incomplete_details?.reason, cut.usage!.output_tokens]).toEqual([
      'incomplete',
      'max_output_tokens',
      3,
    ]);
    const events = [];
    for await (const event of await openai.responses.create({ ...ask, max_output_tokens: 3, stream: true }))
      events.push(event.type);
    expect(events.at(-1)).toBe('response.incomplete');
  });

  it('call tools, and take conversations and instructions', async () => {
    const { openai } = await team();
    const parameters = { type: 'object', required: ['tier'], properties: { tier: { enum: ['hot'] } } };
    const { output } = await openai.responses.create({
      ...ask,
      instructions: 'Be brief.',
      input: [{ role: 'user', content: [{ type: 'input_text', text: 'Rate it' }] }],
      tools: [{ type: 'function', name: 'rate', parameters, strict: true }],
      tool_choice: { type: 'function', name: 'rate' },
    });
    expect(output[0]).toMatchObject({ type: 'function_call', name: 'rate', arguments: '{"tier":"hot"}' });
  });

  it('fill a JSON schema', async () => {
    const { openai } = await team();
    const schema = { type: 'object', required: ['tier'], properties: { tier: { enum: ['hot'] } } };
    const { output_text } = await openai.responses.create({
      ...ask,
      text: { format: { type: 'json_schema', name: 'lead', schema } },
    });
    expect(JSON.parse(output_text)).toEqual({ tier: 'hot' });
  });

  it('are refused over budget, JSON and stream alike, and cost nothing', async () => {
    const { openai, teamId, judge } = await team();
    await budget(teamId, 1000);
    for (const stream of [false, true])
      await expect(openai.responses.create({ ...ask, stream })).rejects.toMatchObject({
        status: 402,
        code: 'budget_exceeded',
      });
    expect(await judge.cutAt(0)).toMatchObject({ counterNanoUsd: 0, heldNanoUsd: 0 });
  });

  it('are lowered to what the budget leaves when the caller allows it (B04)', async () => {
    const { openai, fetch, teamId, judge } = await team();
    const { usage } = await openai.responses.create({ ...ask, max_output_tokens: 1 });
    const spent = (await judge.cutAt(0)).counterNanoUsd;
    // The input at its dearest (1.25 for cache writes) and about ten tokens.
    await budget(teamId, spent + usage!.input_tokens * INPUT_NANO * 2 + 10 * OUTPUT_NANO);
    expect((await post(fetch, '/v1/responses', ask)).status).toBe(402);
    const clamped = await post(fetch, '/v1/responses', ask, { 'x-pm-clamp': 'true' });
    const maximum = Number(clamped.headers.get('x-pm-max-tokens-clamped'));
    expect([clamped.status, maximum > 0 && maximum < 60]).toEqual([200, true]);
    const body = await json(clamped);
    expect(body.max_output_tokens).toBe(maximum);
    expect(body.usage.output_tokens).toBeLessThanOrEqual(maximum);
  });

  it('are refused with the field when they make no sense', async () => {
    const { fetch } = await team();
    for (const [more, path] of [
      [{ model: '' }, 'model'],
      [{ input: 7 }, 'input'],
      [{ max_output_tokens: '9' }, 'max_output_tokens'],
      [{ stream: 'yes' }, 'stream'],
      [{ background: true }, 'background'],
    ] as const) {
      const response = await post(fetch, '/v1/responses', { ...ask, ...more });
      expect([response.status, (await json(response)).error.param]).toEqual([422, path]);
    }
    const busy = await post(fetch, '/v1/responses', { ...ask, model: 'sandbox-429' });
    expect([busy.status, (await json(busy)).error.type]).toEqual([429, 'rate_limit_error']);
  });
});

describe('embeddings, asked for by the official client', () => {
  it('are unit vectors, the same for the same input, and cost their input', async () => {
    const { key, teamId } = await team();
    const ofBoth = [];
    for (const prefix of ['/v1', '/api/integrations/openai/v1']) {
      const { data, response } = await client(key, prefix)
        .embeddings.create({ model: 'sandbox-small', input: ['Zürich', 'Bern'], dimensions: 16 })
        .withResponse();
      const [zurich, bern] = data.data.map(({ embedding }) => embedding);
      expect(zurich).toHaveLength(16);
      expect(Math.hypot(...zurich!)).toBeCloseTo(1, 5);
      expect(zurich).not.toEqual(bern);
      expect(Number(response.headers.get('x-pm-cost-nano-usd'))).toBe(data.usage.prompt_tokens * INPUT_NANO);
      ofBoth.push(zurich);
    }
    expect(ofBoth[0]).toEqual(ofBoth[1]);
    expect((await ledger(teamId, 2))[0]).toMatchObject({ status: 'succeeded', output_tokens: 0 });
  });

  it('count every token number of lists of tokens', async () => {
    const { openai } = await team();
    const input = [Array.from({ length: 50 }, (_, i) => i + 1), [7]];
    const { usage, data } = await openai.embeddings.create({ model: 'sandbox-small', input });
    expect([data.length, usage.prompt_tokens]).toEqual([2, 51]);
  });

  it('are refused over budget even where lowering is allowed, and with the field when they make no sense', async () => {
    const { fetch, teamId, judge } = await team();
    const embeddings = { model: 'sandbox-small', input: 'Zürich' };
    for (const [more, path] of [
      [{ input: '' }, 'input'],
      [{ input: [] }, 'input'],
      [{ input: { a: 1 } }, 'input'],
      [{ model: 3 }, 'model'],
    ] as const) {
      const response = await post(fetch, '/v1/embeddings', { ...embeddings, ...more });
      expect([response.status, (await json(response)).error.param]).toEqual([422, path]);
    }
    const asked = await post(fetch, '/v1/embeddings', embeddings, { 'x-pm-max-cost-nano-usd': '1' });
    const { askedNanoUsd } = (await json(asked)).error;
    await budget(teamId, askedNanoUsd - 1);
    const refused = await post(fetch, '/v1/embeddings', embeddings, { 'x-pm-clamp': 'true' });
    expect(refused.status).toBe(402);
    expect(await judge.cutAt(0)).toMatchObject({ counterNanoUsd: 0, heldNanoUsd: 0 });
  });
});
