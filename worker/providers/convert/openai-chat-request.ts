/** OpenAI's chat completions, read and written as a conversation. */
import { isObject, objects, type Json } from '../formats/json.ts';
import { openaiChat as reader } from '../formats/openai-chat.ts';
import {
  emptyConversation,
  type Conversation,
  type OutputFormat,
  type Part,
  type ResultOfCall,
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
import { given, number, object, string, stringOrNull, strings, unsealed, urlOfSource } from './reading.ts';
import { addTurn, textIn, textParts } from './turns.ts';

export const parseChatRequest: Dialect['parseRequest'] = (body, cannot) => {
  refuseUnspoken(body, FIELDS.openai_chat, cannot);
  const { maxOutputTokens, choices } = reader.askOf(body);
  const conversation: Conversation = {
    ...emptyConversation(string(body.model)),
    tools: objects(body.tools).flatMap((tool, i) => functionIn(tool, `tools.${i}`, cannot)),
    toolChoice: toolChoiceOf(body.tool_choice, (named) => object(named.function).name, cannot),
    parallelTools: typeof body.parallel_tool_calls === 'boolean' ? body.parallel_tool_calls : null,
    outputFormat: formatIn(body.response_format, cannot),
    maxOutputTokens,
    choices,
    temperature: number(body.temperature),
    topP: number(body.top_p),
    seed: number(body.seed),
    presencePenalty: number(body.presence_penalty),
    frequencyPenalty: number(body.frequency_penalty),
    stop: strings(body.stop),
    reasoning: reasoningOf(body.reasoning_effort, true),
    user: stringOrNull(body.user) ?? stringOrNull(body.safety_identifier),
  };
  for (const [i, message] of objects(body.messages).entries())
    addMessage(conversation, message, { path: `messages.${i}`, cannot });
  return conversation;
};

function addMessage({ system, turns }: Conversation, message: Json, { path, cannot }: Place): void {
  const parts = () => contentOf(message.content, { path: `${path}.content`, cannot });
  switch (message.role) {
    case 'system':
    case 'developer':
      if (turns.length > 0) addTurn(turns, 'system', parts());
      else system.push(...parts().map((part) => textIn([part])));
      return;
    case 'user':
      return addTurn(turns, 'user', parts());
    case 'assistant':
      if (isObject(message.audio)) cannot(`${path}.audio`, `audio ${NO_PLACE}`);
      return addTurn(turns, 'assistant', [
        ...thoughtsOf(message),
        ...parts(),
        ...(stringOrNull(message.refusal) === null
          ? []
          : [{ kind: 'refusal', text: string(message.refusal) } as const]),
        ...objects(message.tool_calls).flatMap((call, n) =>
          callIn(call, { path: `${path}.tool_calls.${n}`, cannot }),
        ),
      ]);
    case 'tool':
      return addTurn(turns, 'user', [
        {
          kind: 'result',
          callId: string(message.tool_call_id),
          content: parts().filter((part) => part.kind === 'text'),
          isError: false,
        },
      ]);
    default:
      cannot(`${path}.role`, 'must be system, developer, user, assistant or tool');
  }
}

/** Thoughts that prove themselves; others help no provider, and some refuse them. */
function thoughtsOf(message: Json): Part[] {
  return objects(message.reasoning_details).flatMap((detail) => {
    const signature = stringOrNull(detail.signature);
    return signature === null
      ? []
      : [{ kind: 'thinking' as const, text: string(detail.text), opaque: unsealed(signature, 'openai') }];
  });
}

function contentOf(content: unknown, { path, cannot }: Place): Part[] {
  if (typeof content === 'string') return textParts(content);
  return objects(content).flatMap((part, i): Part[] => {
    const lost = (why: string) => (cannot(`${path}.${i}`, why), []);
    switch (part.type) {
      case 'text':
        return textParts(string(part.text));
      case 'refusal':
        return [{ kind: 'refusal', text: string(part.refusal) }];
      case 'image_url': {
        const { url, detail } = object(part.image_url);
        const image = imageOf(string(url), detail);
        return image ? [image] : lost('an image must be a data URL or an http(s) address');
      }
      case 'file': {
        const document = documentOf(object(part.file));
        return document ? [document] : lost('only files that are in the message can be sent to this model');
      }
      default:
        return lost(`${string(part.type) || 'this'} ${NO_PLACE}`);
    }
  });
}

function callIn(call: Json, { path, cannot }: Place): Part[] {
  if (!isObject(call.function)) return (cannot(path, 'only functions can be called on this model'), []);
  return [
    {
      kind: 'call',
      id: string(call.id),
      name: string(call.function.name),
      arguments: string(call.function.arguments),
    },
  ];
}

function functionIn(tool: Json, path: string, cannot: Cannot): Tool[] {
  if (tool.type === 'function' && isObject(tool.function)) return [toolOf(tool.function)];
  cannot(path, `${string(tool.type) || 'this'} ${OTHERS_TOOL}`);
  return [];
}

function formatIn(format: unknown, cannot: Cannot): OutputFormat | null {
  if (!isObject(format) || format.type === 'text') return null;
  if (format.type === 'json_object') return { kind: 'json' };
  if (format.type === 'json_schema') return schemaFormatOf(object(format.json_schema));
  cannot('response_format', 'must be text, json_object or json_schema');
  return null;
}

export const writeChatRequest: Dialect['writeRequest'] = (conversation, to, cannot) => {
  if (conversation.topK !== null) cannot('topK', 'OpenAI’s format has no top-k');
  const { outputFormat: format, toolChoice } = conversation;
  const body: Json = given({
    model: to.model,
    messages: messagesOf(conversation),
    stream: to.stream ? true : null,
    temperature: conversation.temperature,
    top_p: conversation.topP,
    seed: conversation.seed,
    presence_penalty: conversation.presencePenalty,
    frequency_penalty: conversation.frequencyPenalty,
    stop: conversation.stop.length > 0 ? conversation.stop : null,
    n: conversation.choices > 1 ? conversation.choices : null,
    tools:
      conversation.tools.length > 0
        ? conversation.tools.map((tool) => ({ type: 'function', function: definitionOf(tool) }))
        : null,
    tool_choice: toolChoice && choiceOf(toolChoice),
    parallel_tool_calls: conversation.parallelTools,
    response_format:
      format &&
      (format.kind === 'json'
        ? { type: 'json_object' }
        : { type: 'json_schema', json_schema: schemaFormat(format) }),
    reasoning_effort: conversation.reasoning && effortFor(conversation.reasoning, to.model),
    user: conversation.user,
  });
  const { maxOutputTokens } = conversation;
  return maxOutputTokens === null ? body : reader.withMaxOutput(body, maxOutputTokens);
};

const choiceOf = ({ mode, only }: ToolChoice): unknown => {
  if (!only) return mode;
  const tools = only.map((name) => ({ type: 'function', function: { name } }));
  return mode === 'required' && tools.length === 1
    ? tools[0]
    : { type: 'allowed_tools', allowed_tools: { mode, tools } };
};

const messagesOf = ({ system, turns }: Conversation): Json[] => [
  ...(system.length === 0 ? [] : [{ role: 'system', content: textsOf(system) }]),
  ...turns.flatMap(messagesOfTurn),
];

const textsOf = (texts: readonly string[]): unknown =>
  texts.length === 1 ? texts[0] : texts.map((text) => ({ type: 'text', text }));

function messagesOfTurn({ role, parts }: Turn): Json[] {
  if (role === 'system') return [{ role, content: textsOf(parts.map((part) => textIn([part]))) }];
  if (role === 'assistant') return assistantMessage(parts);
  const results = parts.filter((part) => part.kind === 'result');
  // A result's images cannot stand in a tool's message: they follow in the user's.
  const shown = [
    ...results.flatMap(({ content }) => content.filter(({ kind }) => kind !== 'text')),
    ...parts,
  ];
  const content = shown.flatMap(userPart);
  return [
    ...results.map((result) => ({
      role: 'tool',
      tool_call_id: result.callId,
      content: textOfResult(result),
    })),
    ...(content.length === 0
      ? []
      : [
          { role, content: content.length === 1 && content[0]!.type === 'text' ? content[0]!.text : content },
        ]),
  ];
}

const textOfResult = ({ content, isError }: ResultOfCall): string => {
  const text = textIn(content);
  return isError ? `Error: ${text}` : text;
};

function userPart(part: Part): Json[] {
  switch (part.kind) {
    case 'text':
      return [{ type: 'text', text: part.text }];
    case 'image':
      return [
        { type: 'image_url', image_url: given({ url: urlOfSource(part.source), detail: part.detail }) },
      ];
    case 'document':
      return [
        {
          type: 'file',
          file: given({ filename: part.name ?? 'document', file_data: urlOfSource(part.source) }),
        },
      ];
    default:
      return [];
  }
}

function assistantMessage(parts: Part[]): Json[] {
  const content = textIn(parts);
  const refusal = parts.map((part) => (part.kind === 'refusal' ? part.text : '')).join('');
  const calls = parts.flatMap((part) =>
    part.kind === 'call'
      ? [{ id: part.id, type: 'function', function: { name: part.name, arguments: part.arguments || '{}' } }]
      : [],
  );
  if (content === '' && refusal === '' && calls.length === 0) return [];
  return [
    {
      role: 'assistant',
      content: content === '' ? null : content,
      ...(refusal === '' ? {} : { refusal }),
      ...(calls.length === 0 ? {} : { tool_calls: calls }),
    },
  ];
}
