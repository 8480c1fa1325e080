/** OpenAI's responses, read and written as a conversation. Nothing is stored for them, so everything must be in the request. */
import { objects, tokens, type Json } from '../formats/json.ts';
import {
  emptyConversation,
  type Conversation,
  type OutputFormat,
  type Part,
  type ResultOfCall,
  type ResultPart,
  type Tool,
  type ToolChoice,
  type Turn,
} from './conversation.ts';
import { NO_PLACE, OTHERS_TOOL, type Cannot, type Dialect, type Place } from './dialect.ts';
import { FIELDS, refuseUnspoken } from './fields.ts';
import {
  definitionOf,
  documentOf,
  effortFor,
  imageOf,
  reasoningOf,
  schemaFormat,
  schemaFormatOf,
  toolChoiceOf,
  toolOf,
} from './openai-shared.ts';
import { given, number, object, string, stringOrNull, unsealed, urlOfSource } from './reading.ts';
import { addTurn, isResultPart, textIn, textParts } from './turns.ts';

export const parseResponsesRequest: Dialect['parseRequest'] = (body, cannot) => {
  refuseUnspoken(body, FIELDS.openai_responses, cannot);
  const text = object(body.text);
  if (stringOrNull(text.verbosity) !== null && text.verbosity !== 'medium')
    cannot('text.verbosity', NO_PLACE);
  const { effort, summary } = object(body.reasoning);
  const conversation: Conversation = {
    ...emptyConversation(string(body.model)),
    system: stringOrNull(body.instructions) === null ? [] : [string(body.instructions)],
    tools: objects(body.tools).flatMap((tool, i) => functionIn(tool, `tools.${i}`, cannot)),
    toolChoice: toolChoiceOf(body.tool_choice, (named) => named.name, cannot),
    parallelTools: typeof body.parallel_tool_calls === 'boolean' ? body.parallel_tool_calls : null,
    outputFormat: formatIn(object(text.format), cannot),
    maxOutputTokens: tokens(body.max_output_tokens),
    temperature: number(body.temperature),
    topP: number(body.top_p),
    reasoning: reasoningOf(effort, stringOrNull(summary) !== null),
    user: stringOrNull(body.user) ?? stringOrNull(body.safety_identifier),
  };
  if (typeof body.input === 'string')
    addTurn(conversation.turns, 'user', [{ kind: 'text', text: body.input }]);
  else
    for (const [i, item] of objects(body.input).entries())
      addItem(conversation, item, { path: `input.${i}`, cannot });
  return conversation;
};

function addItem({ system, turns }: Conversation, item: Json, { path, cannot }: Place): void {
  const parts = () => contentOf(item.content, { path: `${path}.content`, cannot });
  switch (item.type ?? 'message') {
    case 'message':
      if (item.role === 'user' || item.role === 'assistant') return addTurn(turns, item.role, parts());
      if (turns.length > 0) return addTurn(turns, 'system', parts());
      system.push(...parts().map((part) => textIn([part])));
      return;
    case 'function_call':
      return addTurn(turns, 'assistant', [
        {
          kind: 'call',
          id: string(item.call_id),
          name: string(item.name),
          arguments: string(item.arguments),
        },
      ]);
    case 'function_call_output':
      return addTurn(turns, 'user', [
        {
          kind: 'result',
          callId: string(item.call_id),
          content: contentOf(item.output, { path: `${path}.output`, cannot }).filter(isResultPart),
          isError: false,
        },
      ]);
    case 'reasoning': {
      const sealed = stringOrNull(item.encrypted_content);
      const opaque = sealed === null ? null : unsealed(sealed, 'openai');
      return addTurn(turns, 'assistant', [{ kind: 'thinking', text: thoughtIn(item), opaque }]);
    }
    case 'item_reference':
      return cannot(
        path,
        'refers to something stored, and answers of this model are not stored: send the item itself',
      );
    default:
      return cannot(path, `${string(item.type)} ${NO_PLACE}`);
  }
}

/** The summary, or where a server shows all of it, the thoughts themselves. */
export const thoughtIn = (item: Json): string =>
  [item.summary, item.content]
    .map((list) => objects(list).map(({ text }) => string(text)))
    .find((texts) => texts.length > 0)
    ?.join('\n\n') ?? '';

function contentOf(content: unknown, { path, cannot }: Place): Part[] {
  if (typeof content === 'string') return textParts(content);
  return objects(content).flatMap((part, i): Part[] => {
    const lost = (why: string) => (cannot(`${path}.${i}`, why), []);
    switch (part.type) {
      case 'input_text':
      case 'output_text':
      case 'text':
        return textParts(string(part.text));
      case 'refusal':
        return [{ kind: 'refusal', text: string(part.refusal) }];
      case 'input_image': {
        const image = imageOf(string(part.image_url), part.detail);
        return image ? [image] : lost('an image must be a data URL or an http(s) address');
      }
      case 'input_file': {
        const document = documentOf(part);
        return document ? [document] : lost('only files that are in the request can be sent to this model');
      }
      default:
        return lost(`${string(part.type) || 'this'} ${NO_PLACE}`);
    }
  });
}

function functionIn(tool: Json, path: string, cannot: Cannot): Tool[] {
  if (tool.type === 'function') return [toolOf(tool)];
  cannot(path, `${string(tool.type) || 'this'} ${OTHERS_TOOL}`);
  return [];
}

function formatIn(format: Json, cannot: Cannot): OutputFormat | null {
  if (format.type === undefined || format.type === 'text') return null;
  if (format.type === 'json_object') return { kind: 'json' };
  if (format.type === 'json_schema') return schemaFormatOf(format);
  cannot('text.format', 'must be text, json_object or json_schema');
  return null;
}

export const writeResponsesRequest: Dialect['writeRequest'] = (conversation, to, cannot) => {
  const { system, choices, stop, outputFormat: format, toolChoice, reasoning } = conversation;
  const lacks = 'OpenAI’s responses have no place for it';
  if (conversation.topK !== null) cannot('topK', lacks);
  if (conversation.seed !== null) cannot('seed', lacks);
  if (conversation.presencePenalty) cannot('presencePenalty', lacks);
  if (conversation.frequencyPenalty) cannot('frequencyPenalty', lacks);
  if (choices > 1) cannot('choices', 'must be 1: a response is one answer');
  if (stop.length > 0) cannot('stop', lacks);
  const effort = reasoning && effortFor(reasoning, to.model);
  return given({
    model: to.model,
    instructions: system.length === 1 ? system[0] : null,
    input: [
      ...(system.length > 1
        ? [{ role: 'developer', content: system.map((text) => ({ type: 'input_text', text })) }]
        : []),
      ...conversation.turns.flatMap(itemsOf),
    ],
    // There is nobody to read it there later.
    store: false,
    stream: to.stream ? true : null,
    max_output_tokens: conversation.maxOutputTokens,
    temperature: conversation.temperature,
    top_p: conversation.topP,
    tools:
      conversation.tools.length > 0
        ? conversation.tools.map((tool) => ({ type: 'function', strict: false, ...definitionOf(tool) }))
        : null,
    tool_choice: toolChoice && choiceOf(toolChoice),
    parallel_tool_calls: conversation.parallelTools,
    text: format && {
      format:
        format.kind === 'json' ? { type: 'json_object' } : { type: 'json_schema', ...schemaFormat(format) },
    },
    reasoning: effort ? { effort, ...(reasoning?.show ? { summary: 'auto' } : {}) } : null,
    include: reasoning ? ['reasoning.encrypted_content'] : null,
    user: conversation.user,
  });
};

const choiceOf = ({ mode, only }: ToolChoice): unknown => {
  if (!only) return mode;
  const tools = only.map((name) => ({ type: 'function', name }));
  return mode === 'required' && tools.length === 1 ? tools[0] : { type: 'allowed_tools', mode, tools };
};

/** A turn as items: what stands side by side in a message stays together, calls, results and thoughts are items of their own. */
function itemsOf({ role, parts }: Turn): Json[] {
  const items: Json[] = [];
  let message: Json[] | null = null;
  const own = (item: Json) => {
    message = null;
    items.push(item);
  };
  for (const part of parts) {
    if (part.kind === 'call')
      own({ type: 'function_call', call_id: part.id, name: part.name, arguments: part.arguments || '{}' });
    else if (part.kind === 'result')
      own({ type: 'function_call_output', call_id: part.callId, output: outputOf(part) });
    else if (part.kind === 'thinking') {
      // Others' thoughts prove nothing there.
      if (part.opaque?.by !== 'openai') continue;
      const summary = part.text === '' ? [] : [{ type: 'summary_text', text: part.text }];
      own({ type: 'reasoning', summary, encrypted_content: part.opaque.value });
    } else {
      if (!message) items.push({ role: role === 'system' ? 'developer' : role, content: (message = []) });
      message.push(contentPart(part, role === 'assistant'));
    }
  }
  return items;
}

function outputOf({ content, isError }: ResultOfCall): unknown {
  const text = textIn(content);
  if (isError) return `Error: ${text}`;
  return content.every(({ kind }) => kind === 'text')
    ? text
    : content.map((part) => contentPart(part, false));
}

function contentPart(part: ResultPart | Extract<Part, { kind: 'refusal' }>, written: boolean): Json {
  switch (part.kind) {
    case 'text':
      return { type: written ? 'output_text' : 'input_text', text: part.text };
    case 'refusal':
      return { type: 'refusal', refusal: part.text };
    case 'image':
      return { type: 'input_image', image_url: urlOfSource(part.source), detail: part.detail ?? 'auto' };
    case 'document':
      return part.source.kind === 'url'
        ? { type: 'input_file', file_url: part.source.url }
        : { type: 'input_file', filename: part.name ?? 'document', file_data: urlOfSource(part.source) };
  }
}
