/** OpenAI's chat completions in conversions: answers whole and in chunks. */
import type { Usage } from '../../domain/cost/usage.ts';
import { objects, parsed, type Json } from '../formats/json.ts';
import { Parts, type Answer, type AnswerChoice, type Delta, type Finish, type Part } from './conversation.ts';
import type { Dialect, StreamWriter } from './dialect.ts';
import { parseChatRequest, writeChatRequest } from './openai-chat-request.ts';
import { callIdOf, object, sealed, string, stringOrNull, unsealed } from './reading.ts';
import { textIn } from './turns.ts';

const FINISHES: Record<string, Finish> = {
  stop: 'stop',
  length: 'length',
  tool_calls: 'tool_calls',
  function_call: 'tool_calls',
  content_filter: 'content_filter',
};
const finishOf = (reason: unknown): Finish => FINISHES[string(reason)] ?? 'stop';
const reasonOf = (finish: Finish): string => (finish === 'stop_sequence' ? 'stop' : finish);

/** A message or a delta in its parts; Mistral's thinking stands in the content, others' beside it. */
function* wordsIn(message: Json): Generator<{ kind: 'text' | 'thinking' | 'refusal'; text: string }> {
  yield { kind: 'thinking', text: string(message.reasoning_content ?? message.reasoning) };
  if (typeof message.content === 'string') yield { kind: 'text', text: message.content };
  for (const part of objects(message.content)) {
    for (const thought of objects(part.thinking)) yield { kind: 'thinking', text: string(thought.text) };
    yield { kind: 'text', text: string(part.text) };
  }
  yield { kind: 'refusal', text: string(message.refusal) };
}

const seals = (message: Json) =>
  objects(message.reasoning_details)
    .map(({ signature }) => stringOrNull(signature))
    .filter((signature) => signature !== null)
    .map((signature) => unsealed(signature, 'openai'));

function parseAnswer(body: unknown, runId: string): Answer {
  const { id, model, choices } = object(body);
  let calls = 0;
  const read = (choice: Json): AnswerChoice => {
    const message = object(choice.message);
    const parts = new Parts();
    const words = [...wordsIn(message)];
    for (const { kind, text } of words) if (kind === 'thinking') parts.text(kind, text);
    for (const seal of seals(message)) parts.opaque(seal);
    for (const { kind, text } of words) if (kind !== 'thinking') parts.text(kind, text);
    for (const call of objects(message.tool_calls)) {
      const { name, arguments: text } = object(call.function);
      parts.call(stringOrNull(call.id) ?? callIdOf(runId, calls), string(name), string(text));
      calls++;
    }
    return { parts: parts.list, finish: finishOf(choice.finish_reason), stopSequence: null };
  };
  return { id: stringOrNull(id), model: stringOrNull(model), choices: objects(choices).map(read) };
}

function streamParser(runId: string): (data: string) => Delta[] {
  const calls = new Map<string, string>();
  let started = false;
  return function read(data) {
    const chunk = parsed(data);
    if (!chunk) return [];
    const deltas: Delta[] = [];
    if (!started) {
      started = true;
      deltas.push({ kind: 'start', id: stringOrNull(chunk.id), model: stringOrNull(chunk.model) });
    }
    for (const choice of objects(chunk.choices)) {
      const index = typeof choice.index === 'number' ? choice.index : 0;
      const delta = object(choice.delta);
      for (const { kind, text } of wordsIn(delta))
        if (text !== '') deltas.push({ kind, choice: index, text });
      for (const opaque of seals(delta)) deltas.push({ kind: 'opaque', choice: index, opaque });
      for (const [n, call] of objects(delta.tool_calls).entries()) {
        const { name, arguments: text } = object(call.function);
        // Some servers number no calls: then each one that has an id is another.
        const key = `${index}.${typeof call.index === 'number' ? call.index : (stringOrNull(call.id) ?? n)}`;
        let id = calls.get(key);
        if (id === undefined) {
          id = stringOrNull(call.id) ?? callIdOf(runId, calls.size);
          calls.set(key, id);
          deltas.push({ kind: 'call', choice: index, id, name: string(name) });
        }
        if (string(text) !== '') deltas.push({ kind: 'arguments', choice: index, id, text: string(text) });
      }
      if (choice.finish_reason)
        deltas.push({
          kind: 'finish',
          choice: index,
          finish: finishOf(choice.finish_reason),
          stopSequence: null,
        });
    }
    return deltas;
  };
}

const idOf = (id: string | null, runId: string) =>
  id?.startsWith('chatcmpl-') ? id : `chatcmpl-${id ?? runId}`;

const usageOf = (usage: Usage): Json => ({
  prompt_tokens: usage.inputTokens,
  completion_tokens: usage.outputTokens,
  total_tokens: usage.inputTokens + usage.outputTokens,
  prompt_tokens_details: { cached_tokens: usage.cacheReadTokens, audio_tokens: usage.inputAudioTokens },
  completion_tokens_details: {
    reasoning_tokens: usage.reasoningTokens,
    audio_tokens: usage.outputAudioTokens,
    accepted_prediction_tokens: 0,
    rejected_prediction_tokens: 0,
  },
});

/** Thoughts have no place of OpenAI's own: they stand where compatible servers put them, with what proves them beside. */
function thoughts(parts: readonly Part[]): Json {
  const thinking = parts.filter((part) => part.kind === 'thinking');
  const text = thinking.map((part) => part.text).join('');
  const details = thinking.flatMap((part) =>
    part.opaque
      ? [{ type: 'reasoning.text', text: part.text, signature: sealed(part.opaque, 'openai') }]
      : [],
  );
  return {
    ...(text === '' ? {} : { reasoning_content: text }),
    ...(details.length === 0 ? {} : { reasoning_details: details }),
  };
}

function writeChoice({ parts, finish }: AnswerChoice, index: number): Json {
  const text = textIn(parts);
  const refusal = parts.map((part) => (part.kind === 'refusal' ? part.text : '')).join('');
  const calls = parts.filter((part) => part.kind === 'call');
  return {
    index,
    message: {
      role: 'assistant',
      content: text === '' && (calls.length > 0 || refusal !== '') ? null : text,
      refusal: refusal === '' ? null : refusal,
      ...thoughts(parts),
      ...(calls.length === 0
        ? {}
        : {
            tool_calls: calls.map(({ id, name, arguments: text }) => ({
              id,
              type: 'function',
              function: { name, arguments: text || '{}' },
            })),
          }),
    },
    logprobs: null,
    finish_reason: reasonOf(finish),
  };
}

export const openaiChatDialect: Dialect = {
  format: 'openai_chat',
  fieldNames: {
    messages: 'messages',
    tools: 'tools',
    choices: 'n',
    temperature: 'temperature',
    seed: 'seed',
    presencePenalty: 'presence_penalty',
    frequencyPenalty: 'frequency_penalty',
    stop: 'stop',
    toolChoice: 'tool_choice',
    parallelTools: 'parallel_tool_calls',
    outputFormat: 'response_format',
    reasoning: 'reasoning_effort',
  },
  parseRequest: parseChatRequest,
  writeRequest: writeChatRequest,
  parseAnswer,
  writeAnswer: ({ id, model, choices }, { body, runId, nowMs, usage }) => ({
    id: idOf(id, runId),
    object: 'chat.completion',
    created: Math.floor(nowMs / 1000),
    model: model ?? string(body.model),
    choices: choices.map(writeChoice),
    usage: usageOf(usage),
  }),
  streamParser,

  streamWriter({ body, runId, nowMs }): StreamWriter {
    const base: Json = {
      id: idOf(null, runId),
      object: 'chat.completion.chunk',
      created: Math.floor(nowMs / 1000),
      model: string(body.model),
    };
    const wantsUsage = object(body.stream_options).include_usage === true;
    const begun = new Set<number>();
    /** calls by id: their number within their choice */
    const calls = new Map<string, { index: number; choice: number }>();
    const finishes = new Map<number, Finish>();
    /** thoughts since the last seal: a seal is worth nothing without them */
    const unsealedThoughts = new Map<number, string>();
    const send = (choices: Json[], usage: Json | null = null) =>
      `data: ${JSON.stringify({ ...base, choices, ...(wantsUsage ? { usage } : {}) })}\n\n`;
    const chunk = (index: number, delta: Json, finish: string | null = null): string => {
      const first = !begun.has(index);
      begun.add(index);
      const role = first
        ? send([choiceOf(index, { role: 'assistant', content: '', refusal: null }, null)])
        : '';
      return role + send([choiceOf(index, delta, finish)]);
    };
    return {
      write(delta) {
        switch (delta.kind) {
          case 'start':
            base.id = idOf(delta.id, runId);
            base.model = delta.model ?? base.model;
            return '';
          case 'text':
            return chunk(delta.choice, { content: delta.text });
          case 'refusal':
            return chunk(delta.choice, { refusal: delta.text });
          case 'thinking':
            unsealedThoughts.set(delta.choice, (unsealedThoughts.get(delta.choice) ?? '') + delta.text);
            return chunk(delta.choice, { reasoning_content: delta.text });
          case 'opaque': {
            const text = unsealedThoughts.get(delta.choice) ?? '';
            unsealedThoughts.delete(delta.choice);
            const signature = sealed(delta.opaque, 'openai');
            return chunk(delta.choice, { reasoning_details: [{ type: 'reasoning.text', text, signature }] });
          }
          case 'call': {
            const { choice, id, name } = delta;
            const index = [...calls.values()].filter((call) => call.choice === choice).length;
            calls.set(id, { index, choice });
            return chunk(choice, {
              tool_calls: [{ index, id, type: 'function', function: { name, arguments: '' } }],
            });
          }
          case 'arguments': {
            const index = calls.get(delta.id)?.index ?? 0;
            return chunk(delta.choice, { tool_calls: [{ index, function: { arguments: delta.text } }] });
          }
          case 'finish':
            finishes.set(delta.choice, delta.finish);
            return '';
        }
      },
      end(usage) {
        if (finishes.size === 0) finishes.set(0, 'stop');
        const last = [...finishes].map(([index, finish]) => chunk(index, {}, reasonOf(finish))).join('');
        return `${last}${wantsUsage ? send([], usageOf(usage)) : ''}data: [DONE]\n\n`;
      },
    };
  },
};

const choiceOf = (index: number, delta: Json, finish: string | null): Json => ({
  index,
  delta,
  logprobs: null,
  finish_reason: finish,
});
