/** Anthropic's messages, read as a conversation. */
import { isObject, objects, tokens, type Json } from '../formats/json.ts';
import {
  emptyConversation,
  type Conversation,
  type Effort,
  type OutputFormat,
  type Part,
  type Reasoning,
  type Role,
  type Source,
  type Tool,
  type ToolChoice,
} from './conversation.ts';
import { NO_PLACE, OTHERS_TOOL, type Cannot, type Dialect, type Place } from './dialect.ts';
import { FIELDS, refuseUnspoken } from './fields.ts';
import {
  base64OfText,
  number,
  object,
  sourceOfUrl,
  string,
  stringOrNull,
  strings,
  unsealed,
} from './reading.ts';
import { addTurn, isResultPart, textParts } from './turns.ts';

export const parseMessagesRequest: Dialect['parseRequest'] = (body, cannot) => {
  refuseUnspoken(body, FIELDS.anthropic_messages, cannot);
  const config = object(body.output_config);
  const conversation: Conversation = {
    ...emptyConversation(string(body.model)),
    system: textsOf(body.system),
    tools: objects(body.tools).flatMap((tool, i) => toolIn(tool, `tools.${i}`, cannot)),
    toolChoice: choiceIn(body.tool_choice),
    parallelTools: object(body.tool_choice).disable_parallel_tool_use === true ? false : null,
    outputFormat: formatIn(config.format ?? body.output_format),
    maxOutputTokens: tokens(body.max_tokens),
    temperature: number(body.temperature),
    topP: number(body.top_p),
    topK: number(body.top_k),
    stop: strings(body.stop_sequences),
    reasoning: reasoningIn(body.thinking, config.effort),
    user: stringOrNull(object(body.metadata).user_id),
  };
  for (const [i, message] of objects(body.messages).entries()) {
    const { role } = message;
    const place = { path: `messages.${i}.content`, cannot };
    if (role === 'user' || role === 'assistant' || role === 'system')
      addTurn(conversation.turns, role as Role, contentOf(message.content, place));
    else cannot(`messages.${i}.role`, 'must be user, assistant or system');
  }
  return conversation;
};

const textsOf = (content: unknown): string[] =>
  (typeof content === 'string' ? [content] : objects(content).map(({ text }) => string(text))).filter(
    (text) => text !== '',
  );

function contentOf(content: unknown, { path, cannot }: Place): Part[] {
  if (typeof content === 'string') return textParts(content);
  return objects(content).flatMap((block, i) => blockIn(block, { path: `${path}.${i}`, cannot }));
}

function blockIn(block: Json, { path, cannot }: Place): Part[] {
  switch (block.type) {
    case 'tool_use':
      return [
        {
          kind: 'call',
          id: string(block.id),
          name: string(block.name),
          arguments: JSON.stringify(object(block.input)),
        },
      ];
    case 'tool_result':
      return [
        {
          kind: 'result',
          callId: string(block.tool_use_id),
          content: contentOf(block.content, { path: `${path}.content`, cannot }).filter(isResultPart),
          isError: block.is_error === true,
        },
      ];
    case 'thinking': {
      const signature = stringOrNull(block.signature);
      return [
        {
          kind: 'thinking',
          text: string(block.thinking),
          opaque: signature === null ? null : unsealed(signature, 'anthropic'),
        },
      ];
    }
    case 'redacted_thinking':
      return [
        { kind: 'thinking', text: '', opaque: { by: 'anthropic-redacted', value: string(block.data) } },
      ];
    default:
      return shownIn(block, { path, cannot });
  }
}

function shownIn(block: Json, { path, cannot }: Place): Part[] {
  if (block.type === 'text') return textParts(string(block.text));
  const source = sourceIn(object(block.source));
  if (block.type === 'image' && source) return [{ kind: 'image', source, detail: null }];
  if (block.type === 'document' && source) {
    if (object(block.citations).enabled === true) cannot(`${path}.citations`, NO_PLACE);
    if (stringOrNull(block.context) !== null) cannot(`${path}.context`, NO_PLACE);
    return [{ kind: 'document', source, name: stringOrNull(block.title) }];
  }
  cannot(path, `${string(block.type) || 'this'} ${NO_PLACE}`);
  return [];
}

function sourceIn(source: Json): Source | null {
  switch (source.type) {
    case 'base64':
      return { kind: 'base64', mediaType: string(source.media_type), data: string(source.data) };
    case 'url':
      return sourceOfUrl(string(source.url));
    case 'text':
      return { kind: 'base64', mediaType: 'text/plain', data: base64OfText(string(source.data)) };
    default:
      return null;
  }
}

function toolIn(tool: Json, path: string, cannot: Cannot): Tool[] {
  if (tool.type !== undefined && tool.type !== null && tool.type !== 'custom') {
    cannot(path, `${string(tool.type)} ${OTHERS_TOOL}`);
    return [];
  }
  return [
    {
      name: string(tool.name),
      description: stringOrNull(tool.description),
      parameters: isObject(tool.input_schema) ? tool.input_schema : null,
      strict: typeof tool.strict === 'boolean' ? tool.strict : null,
    },
  ];
}

function choiceIn(choice: unknown): ToolChoice | null {
  const { type, name } = object(choice);
  if (type === 'auto' || type === 'none') return { mode: type, only: null };
  if (type === 'any') return { mode: 'required', only: null };
  return type === 'tool' ? { mode: 'required', only: [string(name)] } : null;
}

function formatIn(format: unknown): OutputFormat | null {
  const { type, schema } = object(format);
  return type === 'json_schema'
    ? { kind: 'schema', name: null, description: null, schema: object(schema), strict: null }
    : null;
}

const EFFORTS: readonly unknown[] = ['low', 'medium', 'high', 'xhigh', 'max'];

function reasoningIn(thinking: unknown, effort: unknown): Reasoning | null {
  const { type, budget_tokens: budget, display } = object(thinking);
  const show = type === 'enabled' || type === 'adaptive' ? display !== 'omitted' : false;
  if (type === 'disabled') return { amount: { kind: 'off' }, show };
  if (type === 'enabled') return { amount: { kind: 'budget', tokens: tokens(budget) ?? 1_024 }, show };
  if (EFFORTS.includes(effort)) return { amount: { kind: 'effort', effort: effort as Effort }, show };
  return type === undefined ? null : { amount: { kind: 'auto' }, show };
}
