/** What goes into a model, taken out of any wire format's request body: the texts to count, and what cannot be counted exactly. */
import type { WireFormat } from '../contracts/provider.ts';

export interface ChatMessage {
  role: string;
  name?: string;
  text: string;
}

/** Media whose tokens the text does not show: counted by an upper bound. */
export interface OpaquePart {
  kind: 'image' | 'file';
  /** characters of inline data, 0 for a reference */
  inlineLength: number;
}

export interface ChatInput {
  messages: ChatMessage[];
  /** tool definitions as JSON text */
  tools: string[];
  /** the answer's JSON schema as JSON text */
  schema: string | null;
  opaque: OpaquePart[];
  /** false = plain strings without a chat's framing (embeddings) */
  framed: boolean;
  /** true = only texts we can see; false = tool calls and the like, counted as JSON */
  plain: boolean;
  /** true = the provider adds input of its own (searches, stored conversations): only the context window bounds it */
  hiddenInput: boolean;
  /** true = audio may go in or come out */
  audio: boolean;
  /** true = the body asks for cache writes (Anthropic's cache_control) */
  cacheWrites: boolean;
  /** what the body sets as max output; null when it sets none */
  maxOutputTokens: number | null;
}

type Json = Record<string, unknown>;
const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const list = (value: unknown): unknown[] =>
  Array.isArray(value) ? value : value === undefined || value === null ? [] : [value];
const json = (value: unknown): string => JSON.stringify(value) ?? '';

/** Reads a request body; whatever it does not know it counts as JSON text, so that nothing is left out. */
export function chatInputOf(format: WireFormat, body: Json): ChatInput {
  const input: ChatInput = {
    messages: [],
    tools: list(body['tools'] ?? body['functions']).map(json),
    schema: schemaOf(body),
    opaque: [],
    framed: format !== 'openai_embeddings',
    plain: true,
    hiddenInput: hasHiddenInput(body),
    audio: false,
    cacheWrites: format === 'anthropic_messages' && json(body).includes('"cache_control"'),
    maxOutputTokens: maxOutputIn(body),
  };
  const add = (role: string, content: unknown, name?: unknown) =>
    input.messages.push({
      role,
      text: textOf(content, input),
      ...(typeof name === 'string' ? { name } : {}),
    });
  if (list(body['modalities']).includes('audio') || isObject(body['audio'])) input.audio = true;

  for (const key of ['system', 'instructions', 'systemInstruction', 'system_instruction'])
    if (body[key] !== undefined && body[key] !== null) add('system', body[key]);
  for (const message of messagesOf(format, body)) {
    if (!isObject(message)) add('user', message);
    else {
      const { role, content, parts, name, ...rest } = message;
      add(typeof role === 'string' ? role : 'user', [...list(content ?? parts), ...extrasOf(rest)], name);
    }
  }
  return input;
}

/** Embeddings may be asked for lists of token numbers: each number is a token, so each stands alone. */
function messagesOf(format: WireFormat, body: Json): unknown[] {
  const messages = list(body['messages'] ?? body['input'] ?? body['contents'] ?? body['content']);
  return format === 'openai_embeddings' ? messages.flat() : messages;
}

/** tool_calls, function_call outputs, ids: everything of a message beside its content that a model may see. */
function extrasOf(rest: Json): unknown[] {
  const { cache_control: _, id: __, type, ...others } = rest;
  const seen = Object.fromEntries(
    Object.entries(others).filter(([, value]) => value !== null && value !== undefined && value !== ''),
  );
  if (Object.keys(seen).length === 0) return [];
  return [{ ...(type === undefined || type === 'message' ? {} : { type }), ...seen }];
}

function textOf(content: unknown, input: ChatInput): string {
  if (typeof content === 'string') return content;
  if (Array.isArray(content)) return content.map((part) => textOf(part, input)).join('');
  if (!isObject(content)) return content === null || content === undefined ? '' : json(content);
  if (typeof content['text'] === 'string' && !content['image_url']) return content['text'];
  if (Array.isArray(content['parts'])) return textOf(content['parts'], input);
  const media = mediaOf(content);
  if (media === null) {
    input.plain = false;
    return json(content);
  }
  if (media.kind === 'audio') input.audio = true;
  input.opaque.push({ kind: media.kind === 'image' ? 'image' : 'file', inlineLength: media.inlineLength });
  return '';
}

const MEDIA_KEYS = [
  'image_url',
  'input_audio',
  'file',
  'inlineData',
  'inline_data',
  'fileData',
  'file_data',
  'source',
  'file_id',
];

function mediaOf(part: Json): { kind: 'image' | 'audio' | 'file'; inlineLength: number } | null {
  const type = String(part['type'] ?? '');
  const key = MEDIA_KEYS.find((candidate) => part[candidate] !== undefined);
  if (!key || type.includes('tool')) return null;
  const text = json(part);
  const kind =
    /image/.test(type) || /"image\/|data:image|"image_url"/.test(text.slice(0, 300))
      ? 'image'
      : /audio/.test(type) || /"audio\//.test(text.slice(0, 300))
        ? 'audio'
        : 'file';
  return { kind, inlineLength: text.length > 2_048 ? text.length : 0 };
}

const SERVER_TOOL =
  /^(web_search|web_fetch|file_search|code_interpreter|code_execution|mcp|image_generation|retrieval|tool_search)/;
const SERVER_TOOL_KEYS = [
  'googleSearch',
  'google_search',
  'googleSearchRetrieval',
  'google_search_retrieval',
  'urlContext',
  'url_context',
  'codeExecution',
  'code_execution',
  'retrieval',
  'fileSearch',
];
const HIDDEN_KEYS = [
  'previous_response_id',
  'conversation',
  'prompt',
  'web_search_options',
  'cachedContent',
  'cached_content',
  'container',
  'mcp_servers',
];

/** Does the provider put more into the model than this body shows? */
const hasHiddenInput = (body: Json): boolean =>
  list(body['input']).some((item) => isObject(item) && item['type'] === 'item_reference') ||
  HIDDEN_KEYS.some(
    (key) => isObject(body[key]) || typeof body[key] === 'string' || Array.isArray(body[key]),
  ) ||
  list(body['tools']).some(
    (tool) =>
      isObject(tool) &&
      (SERVER_TOOL.test(String(tool['type'] ?? '')) ||
        SERVER_TOOL_KEYS.some((key) => tool[key] !== undefined)),
  );

function schemaOf(body: Json): string | null {
  const generation = isObject(body['generationConfig']) ? body['generationConfig'] : {};
  const text = isObject(body['text']) ? body['text'] : {};
  const schema =
    body['response_format'] ??
    text['format'] ??
    body['output_format'] ??
    body['output_config'] ??
    generation['responseSchema'] ??
    generation['responseJsonSchema'];
  return isObject(schema) && schema['type'] !== 'text' ? json(schema) : null;
}

function maxOutputIn(body: Json): number | null {
  const generation = isObject(body['generationConfig']) ? body['generationConfig'] : {};
  const asked =
    body['max_completion_tokens'] ??
    body['max_tokens'] ??
    body['max_output_tokens'] ??
    generation['maxOutputTokens'];
  return Number.isSafeInteger(asked) && (asked as number) >= 0 ? (asked as number) : null;
}
