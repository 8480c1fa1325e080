/** Anthropic's messages in conversions: answers whole and as events. */
import type { Usage } from '../../domain/cost/usage.ts';
import { objects, parsed, type Json } from '../formats/json.ts';
import { parseMessagesRequest } from './anthropic-request-reader.ts';
import { writeMessagesRequest } from './anthropic-request-writer.ts';
import { Parts, type Answer, type AnswerChoice, type Delta, type Finish, type Part } from './conversation.ts';
import type { Dialect, StreamWriter } from './dialect.ts';
import { argumentsOf, callIdOf, object, sealed, string, stringOrNull, unsealed } from './reading.ts';

const FINISHES: Record<string, Finish> = {
  end_turn: 'stop',
  stop_sequence: 'stop_sequence',
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  tool_use: 'tool_calls',
  refusal: 'content_filter',
};
const finishOf = (reason: unknown): Finish => FINISHES[string(reason)] ?? 'stop';
const REASONS: Record<Finish, string> = {
  stop: 'end_turn',
  stop_sequence: 'stop_sequence',
  length: 'max_tokens',
  tool_calls: 'tool_use',
  content_filter: 'refusal',
};

/** Blocks of Anthropic's own tools have no place elsewhere, and converted calls cannot ask for them. */
function parseAnswer(body: unknown, runId: string): Answer {
  const message = object(body);
  const parts = new Parts();
  for (const [i, block] of objects(message.content).entries()) {
    if (block.type === 'text') parts.text('text', string(block.text));
    if (block.type === 'thinking') {
      parts.text('thinking', string(block.thinking));
      const signature = stringOrNull(block.signature);
      if (signature !== null) parts.opaque(unsealed(signature, 'anthropic'));
    }
    if (block.type === 'redacted_thinking')
      parts.opaque({ by: 'anthropic-redacted', value: string(block.data) });
    if (block.type === 'tool_use')
      parts.call(
        stringOrNull(block.id) ?? callIdOf(runId, i),
        string(block.name),
        JSON.stringify(object(block.input)),
      );
  }
  return {
    id: stringOrNull(message.id),
    model: stringOrNull(message.model),
    choices: [
      {
        parts: parts.list,
        finish: finishOf(message.stop_reason),
        stopSequence: stringOrNull(message.stop_sequence),
      },
    ],
  };
}

function streamParser(runId: string): (data: string) => Delta[] {
  /** calls by their block's index; a call whose arguments all stand in its first event has none to follow */
  const calls = new Map<unknown, { id: string; written: boolean; input: Json }>();
  return function read(data) {
    const event = parsed(data);
    if (!event) return [];
    switch (event.type) {
      case 'message_start': {
        const { id, model } = object(event.message);
        return [{ kind: 'start', id: stringOrNull(id), model: stringOrNull(model) }];
      }
      case 'content_block_start': {
        const block = object(event.content_block);
        if (block.type === 'redacted_thinking')
          return [
            { kind: 'opaque', choice: 0, opaque: { by: 'anthropic-redacted', value: string(block.data) } },
          ];
        if (block.type === 'tool_use') {
          const id = stringOrNull(block.id) ?? callIdOf(runId, calls.size);
          calls.set(event.index, { id, written: false, input: object(block.input) });
          return [{ kind: 'call', choice: 0, id, name: string(block.name) }];
        }
        if (block.type === 'text') return said('text', block.text);
        return block.type === 'thinking' ? said('thinking', block.thinking) : [];
      }
      case 'content_block_delta': {
        const delta = object(event.delta);
        if (delta.type === 'text_delta') return said('text', delta.text);
        if (delta.type === 'thinking_delta') return said('thinking', delta.thinking);
        if (delta.type === 'signature_delta' && string(delta.signature) !== '')
          return [{ kind: 'opaque', choice: 0, opaque: unsealed(string(delta.signature), 'anthropic') }];
        const call = calls.get(event.index);
        if (delta.type !== 'input_json_delta' || !call || string(delta.partial_json) === '') return [];
        call.written = true;
        return [{ kind: 'arguments', choice: 0, id: call.id, text: string(delta.partial_json) }];
      }
      case 'content_block_stop': {
        const call = calls.get(event.index);
        if (!call || call.written) return [];
        call.written = true;
        return [{ kind: 'arguments', choice: 0, id: call.id, text: JSON.stringify(call.input) }];
      }
      case 'message_delta': {
        const { stop_reason: reason, stop_sequence: stopped } = object(event.delta);
        return reason
          ? [{ kind: 'finish', choice: 0, finish: finishOf(reason), stopSequence: stringOrNull(stopped) }]
          : [];
      }
      default:
        return [];
    }
  };
}

const said = (kind: 'text' | 'thinking', text: unknown): Delta[] =>
  string(text) === '' ? [] : [{ kind, choice: 0, text: string(text) }];

const idOf = (id: string | null, runId: string) => (id?.startsWith('msg_') ? id : `msg_${id ?? runId}`);

const usageOf = (usage: Usage): Json => ({
  input_tokens: usage.inputTokens - usage.cacheReadTokens - usage.cacheWriteTokens - usage.cacheWrite1hTokens,
  cache_creation_input_tokens: usage.cacheWriteTokens + usage.cacheWrite1hTokens,
  cache_read_input_tokens: usage.cacheReadTokens,
  output_tokens: usage.outputTokens,
  output_tokens_details: { thinking_tokens: usage.reasoningTokens },
});

/** What only the whole usage has, beside what a stream's last event repeats. */
const wholeUsageOf = (usage: Usage): Json => ({
  ...usageOf(usage),
  cache_creation: {
    ephemeral_5m_input_tokens: usage.cacheWriteTokens,
    ephemeral_1h_input_tokens: usage.cacheWrite1hTokens,
  },
  server_tool_use: null,
  service_tier: null,
});

function blockOf(part: Part): Json[] {
  switch (part.kind) {
    case 'text':
    case 'refusal':
      return [{ type: 'text', text: part.text, citations: null }];
    case 'thinking':
      return part.opaque?.by === 'anthropic-redacted' && part.text === ''
        ? [{ type: 'redacted_thinking', data: part.opaque.value }]
        : [
            {
              type: 'thinking',
              thinking: part.text,
              signature: part.opaque ? sealed(part.opaque, 'anthropic') : '',
            },
          ];
    case 'call':
      return [{ type: 'tool_use', id: part.id, name: part.name, input: argumentsOf(part.arguments) }];
    default:
      return [];
  }
}

const EMPTY: AnswerChoice = { parts: [], finish: 'stop', stopSequence: null };

/** One block after the other, as Anthropic sends them. */
function streamWriter({ body, runId }: Parameters<Dialect['streamWriter']>[0]): StreamWriter {
  let model: string | null = null;
  let id: string | null = null;
  let started = false;
  let blocks = 0;
  let open: { index: number; kind: 'text' | 'thinking' | 'call' } | null = null;
  const calls = new Map<string, number>();
  let finish: { finish: Finish; stopSequence: string | null } = EMPTY;

  const event = (data: Json) => `event: ${String(data.type)}\ndata: ${JSON.stringify(data)}\n\n`;
  const start = (): string => {
    if (started) return '';
    started = true;
    const message = {
      id: idOf(id, runId),
      type: 'message',
      role: 'assistant',
      model: model ?? string(body.model),
      content: [],
      stop_reason: null,
      stop_sequence: null,
      // The numbers come with the last event: providers of other formats do not know them before.
      usage: {
        input_tokens: 0,
        cache_creation_input_tokens: 0,
        cache_read_input_tokens: 0,
        output_tokens: 0,
      },
    };
    return event({ type: 'message_start', message });
  };
  const close = (): string => {
    if (!open) return '';
    const { index } = open;
    open = null;
    return event({ type: 'content_block_stop', index });
  };
  const begin = (kind: 'text' | 'thinking' | 'call', block: Json): string => {
    const before = start() + close();
    open = { index: blocks++, kind };
    return before + event({ type: 'content_block_start', index: open.index, content_block: block });
  };
  const deltaOf = (index: number, delta: Json) => event({ type: 'content_block_delta', index, delta });

  return {
    write(delta) {
      switch (delta.kind) {
        case 'start':
          ({ id, model } = delta);
          return start();
        case 'text':
        case 'refusal': {
          const before =
            open?.kind === 'text' ? '' : begin('text', { type: 'text', text: '', citations: null });
          return before + deltaOf(open!.index, { type: 'text_delta', text: delta.text });
        }
        case 'thinking': {
          const before =
            open?.kind === 'thinking'
              ? ''
              : begin('thinking', { type: 'thinking', thinking: '', signature: '' });
          return before + deltaOf(open!.index, { type: 'thinking_delta', thinking: delta.text });
        }
        case 'opaque': {
          if (delta.opaque.by === 'anthropic-redacted' && open?.kind !== 'thinking')
            return begin('text', { type: 'redacted_thinking', data: delta.opaque.value }) + close();
          const before =
            open?.kind === 'thinking'
              ? ''
              : begin('thinking', { type: 'thinking', thinking: '', signature: '' });
          const signature = sealed(delta.opaque, 'anthropic');
          return before + deltaOf(open!.index, { type: 'signature_delta', signature }) + close();
        }
        case 'call': {
          const { id: callId, name } = delta;
          calls.set(callId, blocks);
          return begin('call', { type: 'tool_use', id: callId, name, input: {} });
        }
        case 'arguments': {
          const index = calls.get(delta.id);
          return index === undefined
            ? ''
            : deltaOf(index, { type: 'input_json_delta', partial_json: delta.text });
        }
        case 'finish':
          if (delta.choice === 0) finish = delta;
          return '';
      }
    },
    end(usage) {
      return (
        start() +
        close() +
        event({
          type: 'message_delta',
          delta: { stop_reason: REASONS[finish.finish], stop_sequence: finish.stopSequence },
          usage: usageOf(usage),
        }) +
        event({ type: 'message_stop' })
      );
    },
  };
}

export const anthropicMessagesDialect: Dialect = {
  format: 'anthropic_messages',
  fieldNames: {
    messages: 'messages',
    tools: 'tools',
    temperature: 'temperature',
    topK: 'top_k',
    stop: 'stop_sequences',
    toolChoice: 'tool_choice',
    parallelTools: 'tool_choice.disable_parallel_tool_use',
    outputFormat: 'output_config.format',
    reasoning: 'thinking',
  },
  parseRequest: parseMessagesRequest,
  writeRequest: writeMessagesRequest,
  parseAnswer,
  writeAnswer({ id, model, choices }, { body, runId, usage }) {
    const { parts, finish, stopSequence } = choices[0] ?? EMPTY;
    return {
      id: idOf(id, runId),
      type: 'message',
      role: 'assistant',
      model: model ?? string(body.model),
      content: parts.flatMap(blockOf),
      stop_reason: REASONS[finish],
      stop_sequence: stopSequence,
      usage: wholeUsageOf(usage),
    };
  },
  streamParser,
  streamWriter,
};
