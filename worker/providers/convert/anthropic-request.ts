/** Anthropic's messages, read and written as a conversation. */
import { isObject, objects, tokens, type Json } from '../formats/json.ts';
import { closedSchema } from './anthropic-schema.ts';
import { thinkingFor } from './anthropic-thinking.ts';
import {
  addTurn,
  emptyConversation,
  textIn,
  type Conversation,
  type Document,
  type Effort,
  type Image,
  type OutputFormat,
  type Part,
  type Reasoning,
  type ResultPart,
  type Role,
  type Source,
  type Tool,
  type ToolChoice,
  type Turn,
} from './conversation.ts';
import type { Cannot, Dialect, NamedField } from './dialect.ts';
import { FIELDS, refuseUnspoken } from './fields.ts';
import {
  argumentsOf,
  base64OfText,
  given,
  mediaTypeOf,
  number,
  object,
  sourceOfUrl,
  string,
  stringOrNull,
  strings,
  textOfBase64,
  unsealed,
} from './reading.ts';

const NO_PLACE = 'has no place in the format of this model';

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
  typeof content === 'string'
    ? content === ''
      ? []
      : [content]
    : objects(content)
        .map(({ text }) => string(text))
        .filter((text) => text !== '');

interface Place {
  path: string;
  cannot: Cannot;
}

function contentOf(content: unknown, { path, cannot }: Place): Part[] {
  if (typeof content === 'string') return content === '' ? [] : [{ kind: 'text', text: content }];
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

const isResultPart = (part: Part): part is ResultPart =>
  part.kind === 'text' || part.kind === 'image' || part.kind === 'document';

function shownIn(block: Json, { path, cannot }: Place): Part[] {
  if (block.type === 'text')
    return string(block.text) === '' ? [] : [{ kind: 'text', text: string(block.text) }];
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
    cannot(path, `${string(tool.type)} is a tool that only its own provider has`);
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

export const writeMessagesRequest: Dialect['writeRequest'] = (conversation, to, cannot) => {
  const { temperature, outputFormat, stop, tools } = conversation;
  refuseWhatItLacks(conversation, cannot);
  const { thinking, effort, maxTokens } = thinkingFor(conversation, to, cannot);
  const { system, turns } = hoisted(conversation);
  const format =
    outputFormat?.kind === 'schema'
      ? { type: 'json_schema', schema: closedSchema(outputFormat.schema) }
      : null;
  return given({
    model: to.model,
    max_tokens: maxTokens,
    system: system.length === 0 ? null : system.length === 1 ? system[0] : system.map(textBlock),
    messages: turns.map(messageOf),
    stream: to.stream ? true : null,
    temperature,
    top_p: conversation.topP,
    top_k: conversation.topK,
    stop_sequences: stop.length > 0 ? stop : null,
    tools: tools.length > 0 ? tools.map(toolOut) : null,
    tool_choice: choiceOut(conversation),
    thinking,
    output_config: format || effort ? given({ effort, format }) : null,
    metadata: conversation.user === null ? null : { user_id: conversation.user },
  });
};

function refuseWhatItLacks(
  conversation: Conversation,
  cannot: (field: NamedField, why: string) => void,
): void {
  const { choices, seed, presencePenalty, frequencyPenalty, temperature, outputFormat, toolChoice } =
    conversation;
  if (choices > 1) cannot('choices', 'must be 1: this model gives one answer at a time');
  if (seed !== null) cannot('seed', 'this model takes no seed');
  if (presencePenalty) cannot('presencePenalty', 'this model takes no penalties');
  if (frequencyPenalty) cannot('frequencyPenalty', 'this model takes no penalties');
  if (temperature !== null && temperature > 1)
    cannot('temperature', 'must be between 0 and 1 for this model');
  if (outputFormat?.kind === 'json')
    cannot('outputFormat', 'this model has no JSON mode without a schema: give it a JSON schema');
  if (toolChoice?.only && (toolChoice.only.length > 1 || toolChoice.mode !== 'required'))
    cannot('toolChoice', 'this model can be held to one tool or to any, not to some');
}

/** One place for instructions: what came later in the conversation joins them, in its order. */
function hoisted({ system, turns }: Conversation): { system: string[]; turns: Turn[] } {
  const later = turns
    .filter(({ role }) => role === 'system')
    .flatMap(({ parts }) => parts.map((part) => textIn([part])));
  const taken: Turn[] = [];
  for (const { role, parts } of turns) if (role !== 'system') addTurn(taken, role, parts);
  return { system: [...system, ...later], turns: taken };
}

const textBlock = (text: string): Json => ({ type: 'text', text });

function messageOf({ role, parts }: Turn): Json {
  // Results come first, or they are not taken for the answers to the calls before them.
  const ordered = [
    ...parts.filter(({ kind }) => kind === 'result'),
    ...parts.filter(({ kind }) => kind !== 'result'),
  ];
  const content = ordered.flatMap(blockOf);
  return { role, content: content.length === 1 && content[0]!.type === 'text' ? content[0]!.text : content };
}

/** Anthropic takes ids of these letters only. */
const idOf = (id: string): string => id.replace(/[^\w-]/g, '_') || '_';

function blockOf(part: Part): Json[] {
  switch (part.kind) {
    case 'text':
    case 'refusal':
      return [textBlock(part.text)];
    case 'image':
    case 'document':
      return [mediaBlock(part)];
    case 'thinking':
      if (part.opaque?.by === 'anthropic')
        return [{ type: 'thinking', thinking: part.text, signature: part.opaque.value }];
      return part.opaque?.by === 'anthropic-redacted'
        ? [{ type: 'redacted_thinking', data: part.opaque.value }]
        : // Others' thoughts prove nothing here, and unproven ones are refused.
          [];
    case 'call':
      return [{ type: 'tool_use', id: idOf(part.id), name: part.name, input: argumentsOf(part.arguments) }];
    case 'result': {
      const [first, ...more] = part.content;
      return [
        {
          type: 'tool_result',
          tool_use_id: idOf(part.callId),
          content:
            first === undefined
              ? ''
              : first.kind === 'text' && more.length === 0
                ? first.text
                : part.content.flatMap(blockOf),
          ...(part.isError ? { is_error: true } : {}),
        },
      ];
    }
  }
}

function mediaBlock(part: Image | Document): Json {
  const { source } = part;
  const mediaType = mediaTypeOf(source, part.kind === 'image' ? 'image/jpeg' : 'application/pdf');
  const where =
    source.kind === 'url'
      ? { type: 'url', url: source.url }
      : part.kind === 'document' && mediaType.startsWith('text/')
        ? { type: 'text', media_type: 'text/plain', data: textOfBase64(source.data) }
        : { type: 'base64', media_type: mediaType, data: source.data };
  return {
    type: part.kind,
    source: where,
    ...(part.kind === 'document' && part.name ? { title: part.name } : {}),
  };
}

const toolOut = ({ name, description, parameters, strict }: Tool): Json => ({
  name,
  ...given({ description }),
  input_schema: { type: 'object', ...(parameters ?? { properties: {} }) },
  ...(strict === true ? { strict } : {}),
});

function choiceOut({ toolChoice, parallelTools, tools }: Conversation): Json | null {
  if (tools.length === 0) return null;
  const single =
    parallelTools === false && toolChoice?.mode !== 'none' ? { disable_parallel_tool_use: true } : {};
  if (!toolChoice) return parallelTools === false ? { type: 'auto', ...single } : null;
  const { mode, only } = toolChoice;
  if (mode !== 'required') return { type: mode, ...single };
  return only ? { type: 'tool', name: only[0], ...single } : { type: 'any', ...single };
}
