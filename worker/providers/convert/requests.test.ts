import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ChatFormat } from './fields.ts';
import {
  emptyConversation,
  type Conversation,
  type Image,
  type Opaque,
  type OutputFormat,
  type Part,
  type Reasoning,
  type Tool,
  type ToolChoice,
  type Turn,
} from './conversation.ts';
import { DIALECTS } from './registry.ts';
import { addTurn } from './turns.ts';

/** What a format has a place for; a random conversation for it holds nothing else. */
interface Places {
  model: string;
  sampling: (keyof Conversation)[];
  stop: boolean;
  choices: boolean;
  user: boolean;
  parallel: boolean;
  severalOf: boolean;
  laterInstructions: boolean;
  json: boolean;
  schemaNames: boolean;
  strictTools: boolean;
  /** a tool is always said to be strict or not */
  alwaysStrict?: boolean;
  detail: boolean;
  /** an address goes with its media type */
  typedAddresses?: boolean;
  documentNames: boolean;
  resultImages: boolean;
  resultErrors: boolean;
  proof: Opaque['by'][];
  mustLimit: boolean;
  reasoning: Reasoning[];
}

const effort = (effort: 'low' | 'medium' | 'high', show: boolean): Reasoning => ({
  amount: { kind: 'effort', effort },
  show,
});

const PLACES: Record<ChatFormat, Places> = {
  openai_chat: {
    model: 'gpt-4o',
    sampling: ['temperature', 'topP', 'seed', 'presencePenalty', 'frequencyPenalty'],
    stop: true,
    choices: true,
    user: true,
    parallel: true,
    severalOf: true,
    laterInstructions: true,
    json: true,
    schemaNames: true,
    strictTools: true,
    detail: true,
    documentNames: true,
    resultImages: false,
    resultErrors: false,
    proof: [],
    mustLimit: false,
    reasoning: [effort('low', true), effort('high', true)],
  },
  openai_responses: {
    model: 'gpt-5',
    sampling: ['temperature', 'topP'],
    stop: false,
    choices: false,
    user: true,
    parallel: true,
    severalOf: true,
    laterInstructions: true,
    json: true,
    schemaNames: true,
    strictTools: true,
    alwaysStrict: true,
    detail: true,
    documentNames: true,
    resultImages: true,
    resultErrors: false,
    proof: ['openai'],
    mustLimit: false,
    reasoning: [effort('low', false), effort('medium', true)],
  },
  anthropic_messages: {
    model: 'claude-sonnet-4-5',
    sampling: ['temperature', 'topP', 'topK'],
    stop: true,
    choices: false,
    user: true,
    parallel: true,
    severalOf: false,
    laterInstructions: false,
    json: false,
    schemaNames: false,
    strictTools: false,
    detail: false,
    documentNames: true,
    resultImages: true,
    resultErrors: true,
    proof: ['anthropic', 'anthropic-redacted'],
    mustLimit: true,
    reasoning: [{ amount: { kind: 'budget', tokens: 2_000 }, show: true }],
  },
  gemini_generate: {
    model: 'gemini-2.5-flash',
    sampling: ['temperature', 'topP', 'topK', 'seed', 'presencePenalty', 'frequencyPenalty'],
    stop: true,
    choices: true,
    user: false,
    parallel: false,
    severalOf: true,
    laterInstructions: false,
    json: true,
    schemaNames: false,
    strictTools: false,
    detail: false,
    typedAddresses: true,
    documentNames: false,
    resultImages: false,
    resultErrors: true,
    proof: ['gemini'],
    mustLimit: false,
    reasoning: [
      { amount: { kind: 'off' }, show: false },
      { amount: { kind: 'auto' }, show: true },
      { amount: { kind: 'budget', tokens: 512 }, show: false },
    ],
  },
};

const words = fc.string({ minLength: 1, maxLength: 12, unit: 'grapheme' }).map((text) => `w${text}`);
const maybe = <T>(arbitrary: fc.Arbitrary<T>, allowed = true): fc.Arbitrary<T | null> =>
  allowed ? fc.option(arbitrary, { nil: null }) : fc.constant(null);
const json = fc.dictionary(fc.constantFrom('a', 'city', 'n'), fc.oneof(words, fc.integer(), fc.boolean()), {
  maxKeys: 3,
});
const base64 = fc
  .uint8Array({ maxLength: 9 })
  .map((bytes) => Buffer.from(bytes).toString('base64') || 'AA==');

const image = ({ detail, typedAddresses }: Places): fc.Arbitrary<Image> =>
  fc.record({
    kind: fc.constant('image' as const),
    source: fc.oneof(
      fc.record({
        kind: fc.constant('base64' as const),
        mediaType: fc.constantFrom('image/png', 'image/jpeg'),
        data: base64,
      }),
      fc.record({
        kind: fc.constant('url' as const),
        url: fc.constantFrom('https://example.com/a.png', 'http://example.com/b.png?x=1'),
        mediaType: fc.constant(typedAddresses ? 'image/png' : null),
      }),
    ),
    detail: detail ? fc.constantFrom('low', 'high') : fc.constant(null),
  });

const pdf = ({ documentNames }: Places): fc.Arbitrary<Part> =>
  fc.record({
    kind: fc.constant('document' as const),
    source: fc.record({
      kind: fc.constant('base64' as const),
      mediaType: fc.constant('application/pdf'),
      data: base64,
    }),
    name: documentNames ? fc.constantFrom('a.pdf', 'b.pdf') : fc.constant(null),
  });

const text: fc.Arbitrary<Part> = words.map((text) => ({ kind: 'text', text }));

/** Turns as they happen: a question, an answer that may call tools, their results. */
const turnsFor = (places: Places): fc.Arbitrary<Turn[]> => {
  const question = fc.array(fc.oneof(text, image(places), pdf(places)), { minLength: 1, maxLength: 3 });
  const thought: fc.Arbitrary<Part[]> =
    places.proof.length === 0
      ? fc.constant([])
      : fc.array(
          fc
            .record({ by: fc.constantFrom(...places.proof), value: base64, text: words })
            .map(({ by, value, text }): Part => ({
              kind: 'thinking',
              text: by === 'anthropic-redacted' ? '' : text,
              opaque: { by, value },
            })),
          { maxLength: 1 },
        );
  const calls = fc.array(fc.record({ name: fc.constantFrom('rate', 'look_up'), args: json }), {
    maxLength: 3,
  });
  const result = fc.record({
    content: fc.tuple(text, ...(places.resultImages ? [image(places)] : [])),
    isError: places.resultErrors ? fc.boolean() : fc.constant(false),
  });
  const round = fc.record({
    question,
    thought,
    said: maybe(text),
    calls,
    results: fc.array(result, { minLength: 3, maxLength: 3 }),
    instruction: maybe(words, places.laterInstructions),
  });
  return fc.array(round, { minLength: 1, maxLength: 3 }).map((rounds) => {
    const turns: Turn[] = [];
    // Google keeps the proof of a thought on the call that it led to, so there is nothing between them.
    const sealsCalls = places.proof.includes('gemini');
    for (const [i, { question, thought, said, calls, results, instruction }] of rounds.entries()) {
      addTurn(turns, 'user', question);
      if (instruction !== null) addTurn(turns, 'system', [{ kind: 'text', text: instruction }]);
      // A thought that led to nothing is no answer.
      if (!said && calls.length === 0) continue;
      const made = calls.map(({ name, args }, n): Part => ({
        kind: 'call',
        id: `call_${i}_${n}`,
        name,
        arguments: JSON.stringify(args),
      }));
      addTurn(turns, 'assistant', [
        ...thought,
        ...(said && !(sealsCalls && made.length > 0) ? [said] : []),
        ...made,
      ]);
      addTurn(
        turns,
        'user',
        made.map((_, n): Part => ({ kind: 'result', callId: `call_${i}_${n}`, ...results[n]! }) as Part),
      );
    }
    return turns;
  });
};

const SCHEMA = {
  type: 'object',
  properties: { score: { type: 'integer' } },
  required: ['score'],
  additionalProperties: false,
};

const toolFor = (places: Places): fc.Arbitrary<Tool> =>
  fc.record({
    name: fc.constantFrom('rate', 'look_up'),
    description: maybe(words),
    parameters: fc.constant(SCHEMA),
    strict: places.alwaysStrict ? fc.boolean() : maybe(fc.boolean(), places.strictTools),
  });

const formatFor = (places: Places): fc.Arbitrary<OutputFormat> =>
  fc.oneof(
    fc.record({
      kind: fc.constant('schema' as const),
      name: places.schemaNames ? fc.constant('score') : fc.constant(null),
      description: maybe(words, places.schemaNames),
      schema: fc.constant(SCHEMA),
      strict: places.schemaNames ? fc.boolean() : fc.constant(null),
    }),
    ...(places.json ? [fc.constant({ kind: 'json' as const })] : []),
  );

const conversationFor = (places: Places) => {
  const number = fc.constantFrom(0.25, 0.5, 1);
  const sampled = (name: keyof Conversation) =>
    maybe(name === 'topK' || name === 'seed' ? fc.nat(40) : number, places.sampling.includes(name));
  return fc.record({
    model: fc.constant(places.model),
    system: fc.array(words, { maxLength: 3 }),
    turns: turnsFor(places),
    tools: fc.uniqueArray(toolFor(places), { maxLength: 2, selector: ({ name }) => name }),
    toolChoice: maybe(
      fc.constantFrom<ToolChoice[]>(
        { mode: 'auto', only: null },
        { mode: 'none', only: null },
        { mode: 'required', only: null },
        { mode: 'required', only: ['rate'] },
        ...(places.severalOf ? [{ mode: 'auto' as const, only: ['rate', 'look_up'] }] : []),
      ),
    ),
    parallelTools: places.parallel ? fc.constantFrom(false, null) : fc.constant(null),
    outputFormat: maybe(formatFor(places)),
    maxOutputTokens: places.mustLimit
      ? fc.integer({ min: 3_000, max: 9_000 })
      : maybe(fc.integer({ min: 1, max: 9_000 })),
    temperature: sampled('temperature') as fc.Arbitrary<number | null>,
    topP: sampled('topP') as fc.Arbitrary<number | null>,
    topK: sampled('topK') as fc.Arbitrary<number | null>,
    seed: sampled('seed') as fc.Arbitrary<number | null>,
    presencePenalty: sampled('presencePenalty') as fc.Arbitrary<number | null>,
    frequencyPenalty: sampled('frequencyPenalty') as fc.Arbitrary<number | null>,
    stop: fc.array(words, { maxLength: places.stop ? 3 : 0 }),
    choices: places.choices ? fc.constantFrom(1, 3) : fc.constant(1),
    reasoning: maybe(fc.constantFrom(...places.reasoning)),
    user: maybe(words, places.user),
  });
};

/** A choice among tools is one where there are tools; Anthropic's limit to one call hangs on it. */
const withTools = (conversation: Conversation): Conversation =>
  conversation.tools.length === 0
    ? { ...conversation, toolChoice: null, parallelTools: null }
    : conversation.toolChoice?.mode === 'none'
      ? { ...conversation, parallelTools: null }
      : conversation;

/** Being told to think is undone within a round of tools that began without thoughts: not what is tried here. */
const inOneMind = (conversation: Conversation): Conversation =>
  conversation.turns.at(-1)?.parts.some(({ kind }) => kind === 'result')
    ? { ...conversation, reasoning: null }
    : conversation;

describe('a conversation, written in a format and read again', () => {
  it.each(DIALECTS)('is the same in $format', (dialect) => {
    const places = PLACES[dialect.format as ChatFormat];
    fc.assert(
      fc.property(conversationFor(places).map(withTools).map(inOneMind), (conversation: Conversation) => {
        const lost: string[] = [];
        const note = (path: string, why: string) => void lost.push(`${path}: ${why}`);
        const to = { model: places.model, maxOutputTokens: null, stream: false };
        const body = dialect.writeRequest(structuredClone(conversation), to, note);
        // As it goes over the wire: nothing that JSON would leave out.
        expect(JSON.parse(JSON.stringify(body))).toEqual(body);
        const read = dialect.parseRequest(body, note);
        expect(lost).toEqual([]);
        const expected =
          conversation.tools.length > 0 &&
          conversation.parallelTools === false &&
          !conversation.toolChoice &&
          dialect.format === 'anthropic_messages'
            ? { ...conversation, toolChoice: { mode: 'auto', only: null } }
            : conversation;
        expect(read).toEqual(expected);
      }),
      { numRuns: 200, seed: 11 },
    );
  });

  it('can hold nothing at all', () => {
    for (const dialect of DIALECTS) {
      const lost: string[] = [];
      const empty = { ...emptyConversation('m'), maxOutputTokens: 5 };
      const to = { model: 'm', maxOutputTokens: null, stream: false };
      const body = dialect.writeRequest(empty, to, (field) => void lost.push(field));
      expect(dialect.parseRequest(body, (field) => void lost.push(field))).toEqual(empty);
      expect(lost).toEqual([]);
    }
  });
});
