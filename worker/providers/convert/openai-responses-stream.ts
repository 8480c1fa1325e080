/** The events of OpenAI's responses, read as pieces of an answer and written from them, each with its number. */
import { parsed, objects, type Json } from '../formats/json.ts';
import type { Delta, Finish, Opaque, Part } from './conversation.ts';
import type { Dialect, StreamWriter } from './dialect.ts';
import { contentPart, endOf, finishOf, reasoningItem, responseOf, usageOf } from './openai-responses.ts';
import { object, string, stringOrNull, unsealed } from './reading.ts';

export function streamParser(): (data: string) => Delta[] {
  /** calls by their place in the output, with whether their arguments came in pieces */
  const calls = new Map<unknown, { id: string; written: boolean }>();
  /** reasoning items and their parts whose text came */
  const thought = new Map<unknown, unknown>();
  const piece = (kind: 'text' | 'thinking' | 'refusal', text: unknown): Delta[] =>
    string(text) === '' ? [] : [{ kind, choice: 0, text: string(text) }];

  return function read(data) {
    const event = parsed(data);
    if (!event) return [];
    const at = event.output_index;
    const item = object(event.item);
    switch (event.type) {
      case 'response.created': {
        const { id, model } = object(event.response);
        return [{ kind: 'start', id: stringOrNull(id), model: stringOrNull(model) }];
      }
      case 'response.output_text.delta':
        return piece('text', event.delta);
      case 'response.refusal.delta':
        return piece('refusal', event.delta);
      case 'response.reasoning_summary_text.delta':
      case 'response.reasoning_text.delta': {
        const part = event.summary_index ?? event.content_index ?? 0;
        const another = thought.has(at) && thought.get(at) !== part;
        thought.set(at, part);
        return [...(another ? piece('thinking', '\n\n') : []), ...piece('thinking', event.delta)];
      }
      case 'response.output_item.added': {
        if (item.type !== 'function_call') return [];
        const id = string(item.call_id);
        calls.set(at, { id, written: false });
        return [{ kind: 'call', choice: 0, id, name: string(item.name) }];
      }
      case 'response.function_call_arguments.delta': {
        const call = calls.get(at);
        if (!call || string(event.delta) === '') return [];
        call.written = true;
        return [{ kind: 'arguments', choice: 0, id: call.id, text: string(event.delta) }];
      }
      case 'response.output_item.done': {
        const call = calls.get(at);
        if (item.type === 'function_call' && call && !call.written && string(item.arguments) !== '')
          return [{ kind: 'arguments', choice: 0, id: call.id, text: string(item.arguments) }];
        const seal = item.type === 'reasoning' ? stringOrNull(item.encrypted_content) : null;
        return seal === null ? [] : [{ kind: 'opaque', choice: 0, opaque: unsealed(seal, 'openai') }];
      }
      case 'response.completed':
      case 'response.incomplete': {
        const response = object(event.response);
        const called =
          calls.size > 0 || objects(response.output).some(({ type }) => type === 'function_call');
        return [{ kind: 'finish', choice: 0, finish: finishOf(response, called), stopSequence: null }];
      }
      default:
        return [];
    }
  };
}

interface Open {
  index: number;
  id: string;
  kind: 'message' | 'thinking' | 'call';
}

export function streamWriter(told: Parameters<Dialect['streamWriter']>[0]): StreamWriter {
  let answer: { id: string | null; model: string | null } = { id: null, model: null };
  let sequence = 0;
  let started = false;
  let finish: Finish = 'stop';
  let open: Open | null = null;
  /** the open message's parts, the open thought, every call */
  let content: Extract<Part, { kind: 'text' | 'refusal' }>[] = [];
  let thinking = { text: '', opaque: null as Opaque | null };
  const calls = new Map<string, { index: number; itemId: string; name: string; text: string }>();
  const output: Json[] = [];

  const event = (type: string, fields: Json): string =>
    `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: sequence++, ...fields })}\n\n`;
  const start = (): string => {
    if (started) return '';
    started = true;
    const response = responseOf(told, answer, { status: 'in_progress' });
    return event('response.created', { response }) + event('response.in_progress', { response });
  };
  const added = (kind: Open['kind'], prefix: string, item: Json): string => {
    const before = start() + close();
    const index = output.length;
    open = { index, id: `${prefix}_${told.runId}_${index}`, kind };
    output.push({ id: open.id, ...item });
    return (
      before + event('response.output_item.added', { output_index: index, item: { id: open.id, ...item } })
    );
  };
  const done = (index: number, item: Json): string => {
    output[index] = item;
    return event('response.output_item.done', { output_index: index, item });
  };
  const where = ({ index, id }: Open, part: Json): Json => ({ item_id: id, output_index: index, ...part });

  const endOfPart = (message: Open): string => {
    const part = content.at(-1);
    if (!part) return '';
    const place = where(message, { content_index: content.length - 1 });
    const text =
      part.kind === 'text'
        ? event('response.output_text.done', { ...place, text: part.text, logprobs: [] })
        : event('response.refusal.done', { ...place, refusal: part.text });
    return text + event('response.content_part.done', { ...place, part: contentPart(part) });
  };
  /** Ends what is open; a call stays open to late pieces until the end. */
  function close(): string {
    const ending = open;
    open = null;
    if (!ending || ending.kind === 'call') return '';
    if (ending.kind === 'message') {
      const told = endOfPart(ending);
      const parts = content.map(contentPart);
      content = [];
      return told + done(ending.index, { ...MESSAGE, id: ending.id, status: 'completed', content: parts });
    }
    const { text, opaque } = thinking;
    thinking = { text: '', opaque: null };
    const place = where(ending, { summary_index: 0 });
    const told =
      text === ''
        ? ''
        : event('response.reasoning_summary_text.done', { ...place, text }) +
          event('response.reasoning_summary_part.done', { ...place, part: { type: 'summary_text', text } });
    return told + done(ending.index, reasoningItem(ending.id, { kind: 'thinking', text, opaque }));
  }

  const write = (kind: 'text' | 'refusal', text: string): string => {
    let before = open?.kind === 'message' ? '' : added('message', 'msg', MESSAGE);
    const message = open!;
    if (content.at(-1)?.kind !== kind) {
      before += endOfPart(message);
      content.push({ kind, text: '' });
      const part = contentPart(content.at(-1)!);
      before += event(
        'response.content_part.added',
        where(message, { content_index: content.length - 1, part }),
      );
    }
    content.at(-1)!.text += text;
    const place = where(message, { content_index: content.length - 1, delta: text });
    return (
      before +
      (kind === 'text'
        ? event('response.output_text.delta', { ...place, logprobs: [] })
        : event('response.refusal.delta', place))
    );
  };
  const think = (): string =>
    open?.kind === 'thinking' ? '' : added('thinking', 'rs', { type: 'reasoning', summary: [] });

  return {
    write(delta) {
      switch (delta.kind) {
        case 'start':
          answer = delta;
          return start();
        case 'text':
        case 'refusal':
          return write(delta.kind, delta.text);
        case 'thinking': {
          const before = think();
          const place = where(open!, { summary_index: 0 });
          const part =
            thinking.text === ''
              ? event('response.reasoning_summary_part.added', {
                  ...place,
                  part: { type: 'summary_text', text: '' },
                })
              : '';
          thinking.text += delta.text;
          return (
            before + part + event('response.reasoning_summary_text.delta', { ...place, delta: delta.text })
          );
        }
        case 'opaque': {
          const before = think();
          thinking.opaque = delta.opaque;
          return before + close();
        }
        case 'call': {
          const { id: callId, name } = delta;
          const item = { type: 'function_call', call_id: callId, name, arguments: '', status: 'in_progress' };
          const before = added('call', 'fc', item);
          calls.set(callId, { index: open!.index, itemId: open!.id, name, text: '' });
          return before;
        }
        case 'arguments': {
          const call = calls.get(delta.id);
          if (!call) return '';
          call.text += delta.text;
          const place = { item_id: call.itemId, output_index: call.index };
          return event('response.function_call_arguments.delta', { ...place, delta: delta.text });
        }
        case 'finish':
          if (delta.choice === 0) finish = delta.finish;
          return '';
      }
    },
    end(usage) {
      let events = start() + close();
      for (const [callId, { index, itemId, name, text }] of calls) {
        const whole = text || '{}';
        events += event('response.function_call_arguments.done', {
          item_id: itemId,
          output_index: index,
          name,
          arguments: whole,
        });
        const item = { type: 'function_call', call_id: callId, name, arguments: whole, status: 'completed' };
        events += done(index, { id: itemId, ...item });
      }
      const end = endOf(finish);
      const response = responseOf(told, answer, { ...end, output, usage: usageOf(usage) });
      return events + event(`response.${end.status}`, { response });
    },
  };
}

const MESSAGE: Json = { type: 'message', status: 'in_progress', role: 'assistant', content: [] };
