/** Google's generateContent, read as a conversation. Bodies may be spelled in camelCase or in snake_case. */
import { isObject, objects, tokens, type Json } from '../formats/json.ts';
import {
  emptyConversation,
  type Conversation,
  type Document,
  type Effort,
  type Image,
  type OutputFormat,
  type Part,
  type Reasoning,
  type ResultOfCall,
  type Source,
  type Tool,
  type ToolChoice,
} from './conversation.ts';
import { NO_PLACE, OTHERS_TOOL, type Cannot, type Dialect, type Place } from './dialect.ts';
import { FIELDS, GENERATION_FIELDS, refuseUnspoken } from './fields.ts';
import { opaqueOf } from './gemini-signature.ts';
import { number, object, string, stringOrNull, strings } from './reading.ts';
import { addTurn, textParts } from './turns.ts';

/** The same object in camelCase, one level. */
const camel = (body: unknown): Json =>
  Object.fromEntries(
    Object.entries(object(body)).map(([name, value]) => [
      name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
      value,
    ]),
  );
const listed = (value: unknown): Json[] => objects(Array.isArray(value) ? value : [value]);

export const parseGenerateRequest: Dialect['parseRequest'] = (sent, cannot) => {
  const body = camel(sent);
  const config = camel(body.generationConfig);
  refuseUnspoken(body, FIELDS.gemini_generate, cannot);
  refuseUnspoken(config, GENERATION_FIELDS, cannot, 'generationConfig.');
  const conversation: Conversation = {
    ...emptyConversation(string(body.model)),
    system: systemIn(body.systemInstruction),
    tools: listed(body.tools).flatMap((tool, i) => toolsIn(camel(tool), `tools.${i}`, cannot)),
    toolChoice: choiceIn(body.toolConfig, cannot),
    outputFormat: formatIn(config, cannot),
    maxOutputTokens: tokens(config.maxOutputTokens),
    choices: Math.max(1, tokens(config.candidateCount) ?? 1),
    temperature: number(config.temperature),
    topP: number(config.topP),
    topK: number(config.topK),
    seed: number(config.seed),
    presencePenalty: number(config.presencePenalty),
    frequencyPenalty: number(config.frequencyPenalty),
    stop: strings(config.stopSequences),
    reasoning: reasoningIn(config.thinkingConfig),
  };
  const calls = new Calls();
  for (const [i, content] of listed(body.contents).entries()) {
    const { role } = content;
    const parts = listed(content.parts).flatMap((part, n) =>
      partIn(camel(part), { path: `contents.${i}.parts.${n}`, cannot, calls }),
    );
    addTurn(conversation.turns, role === 'model' ? 'assistant' : 'user', joinedThoughts(parts));
  }
  return conversation;
};

const systemIn = (instruction: unknown): string[] =>
  (typeof instruction === 'string'
    ? [instruction]
    : listed(object(instruction).parts).map(({ text }) => string(text))
  ).filter((text) => text !== '');

/** Google knows a call by its name and its place; everybody else by an id. */
class Calls {
  #count = 0;
  readonly #waiting: { id: string; name: string }[] = [];

  made(id: unknown, name: string): string {
    const known = stringOrNull(id) ?? `call_${this.#count}`;
    this.#count++;
    this.#waiting.push({ id: known, name });
    return known;
  }

  /** The call that a result belongs to: by id, else the first unanswered of its name. */
  answered(id: unknown, name: string): string | null {
    const at = this.#waiting.findIndex((call) => (stringOrNull(id) ? call.id === id : call.name === name));
    return at === -1 ? stringOrNull(id) : this.#waiting.splice(at, 1)[0]!.id;
  }
}

/** Thoughts that came in pieces, the last with the seal, are one. */
function joinedThoughts(parts: readonly Part[]): Part[] {
  const whole: Part[] = [];
  for (const part of parts) {
    const last = whole.at(-1);
    if (part.kind === 'thinking' && last?.kind === 'thinking' && !last.opaque)
      whole[whole.length - 1] = { kind: 'thinking', text: last.text + part.text, opaque: part.opaque };
    else whole.push(part);
  }
  return whole;
}

interface PartPlace extends Place {
  calls: Calls;
}

function partIn(part: Json, { path, cannot, calls }: PartPlace): Part[] {
  const opaque =
    stringOrNull(part.thoughtSignature) === null ? null : opaqueOf(string(part.thoughtSignature));
  const seal: Part[] = opaque ? [{ kind: 'thinking', text: '', opaque }] : [];
  if (part.thought === true) return [{ kind: 'thinking', text: string(part.text), opaque }];
  if (typeof part.text === 'string') return [...textParts(part.text), ...seal];
  if (isObject(part.functionCall)) {
    const { id, name, args } = part.functionCall;
    const callId = calls.made(id, string(name));
    return [
      ...seal,
      { kind: 'call', id: callId, name: string(name), arguments: JSON.stringify(object(args)) },
    ];
  }
  if (isObject(part.functionResponse)) {
    const { id, name, response } = part.functionResponse;
    const callId = calls.answered(id, string(name));
    if (callId === null) cannot(path, `answers a call of ${string(name)} that was not made`);
    return [{ kind: 'result', callId: callId ?? '', ...resultIn(object(response)) }];
  }
  const media = mediaIn(part);
  if (media) return [media];
  cannot(path, `${Object.keys(part)[0] ?? 'this'} ${NO_PLACE}`);
  return [];
}

const resultIn = (response: Json): Pick<ResultOfCall, 'content' | 'isError'> => {
  const isError = isOnly(response, 'error');
  const said = isError ? response.error : isOnly(response, 'output') ? response.output : response;
  const text = typeof said === 'string' ? said : JSON.stringify(said);
  return { content: textParts(text), isError };
};
/** Results that are no object of their own are wrapped in one with this name alone. */
export const isOnly = (response: Json, name: string) =>
  name in response && Object.keys(response).length === 1;

function mediaIn(part: Json): Image | Document | null {
  const data = camel(part.inlineData);
  const file = camel(part.fileData);
  const source: Source | null = string(data.data)
    ? { kind: 'base64', mediaType: string(data.mimeType), data: string(data.data) }
    : // Files in Google's own store can be read by nobody else.
      /^https?:\/\/(?!generativelanguage\.)/.test(string(file.fileUri))
      ? { kind: 'url', url: string(file.fileUri), mediaType: stringOrNull(file.mimeType) }
      : null;
  const mediaType = source?.mediaType ?? '';
  if (!source || /^(audio|video)\//.test(mediaType)) return null;
  return mediaType.startsWith('image/')
    ? { kind: 'image', source, detail: null }
    : { kind: 'document', source, name: stringOrNull(data.displayName ?? file.displayName) };
}

function toolsIn(tool: Json, path: string, cannot: Cannot): Tool[] {
  for (const name of Object.keys(tool))
    if (name !== 'functionDeclarations' && tool[name] !== undefined && tool[name] !== null)
      cannot(`${path}.${name}`, OTHERS_TOOL);
  return listed(tool.functionDeclarations).map((declaration) => {
    const { name, description, parametersJsonSchema, parameters } = camel(declaration);
    const schema = parametersJsonSchema ?? parameters;
    return {
      name: string(name),
      description: stringOrNull(description),
      parameters: isObject(schema) ? (jsonSchema(schema) as Json) : null,
      strict: null,
    };
  });
}

/** Google writes the types of its own schemas in capitals and says `nullable`. */
function jsonSchema(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(jsonSchema);
  if (!isObject(schema)) return schema;
  const { nullable, propertyOrdering: _, ...rest } = schema;
  const converted: Json = {};
  for (const [name, value] of Object.entries(rest)) {
    if (name === 'type' && typeof value === 'string') converted.type = value.toLowerCase();
    // Names of properties are not ours to read, and neither are examples and values.
    else if (name === 'properties' && isObject(value))
      converted.properties = Object.fromEntries(
        Object.entries(value).map(([key, inner]) => [key, jsonSchema(inner)]),
      );
    else if (['enum', 'const', 'default', 'example', 'required'].includes(name)) converted[name] = value;
    // Numbers that Google's clients send as text.
    else if (/^(min|max)(Items|Length|Properties)$/.test(name) && typeof value === 'string')
      converted[name] = Number(value);
    else converted[name] = jsonSchema(value);
  }
  return nullable === true && typeof converted.type === 'string'
    ? { ...converted, type: [converted.type, 'null'] }
    : converted;
}

function choiceIn(config: unknown, cannot: Cannot): ToolChoice | null {
  const { functionCallingConfig, ...others } = camel(config);
  for (const [name, value] of Object.entries(others))
    if (value !== null && value !== undefined) cannot(`toolConfig.${name}`, NO_PLACE);
  const { mode, allowedFunctionNames } = camel(functionCallingConfig);
  const names = strings(allowedFunctionNames);
  const only = names.length > 0 ? names : null;
  switch (string(mode).toUpperCase()) {
    case 'ANY':
      return { mode: 'required', only };
    case 'NONE':
      return { mode: 'none', only: null };
    case 'AUTO':
    case 'VALIDATED':
      return { mode: 'auto', only };
    default:
      return null;
  }
}

function formatIn(config: Json, cannot: Cannot): OutputFormat | null {
  const schema = config.responseJsonSchema ?? config.responseSchema;
  const type = stringOrNull(config.responseMimeType);
  if (type !== null && type !== 'application/json' && type !== 'text/plain')
    cannot('generationConfig.responseMimeType', NO_PLACE);
  if (isObject(schema))
    return {
      kind: 'schema',
      name: null,
      description: null,
      schema: jsonSchema(schema) as Json,
      strict: null,
    };
  return type === 'application/json' ? { kind: 'json' } : null;
}

/** How much thinking Gemini 3 and later may be asked for. */
export const LEVELS: readonly string[] = ['minimal', 'low', 'medium', 'high'];

function reasoningIn(config: unknown): Reasoning | null {
  if (!isObject(config)) return null;
  const { thinkingBudget, thinkingLevel, includeThoughts } = camel(config);
  const show = includeThoughts === true;
  const level = string(thinkingLevel).toLowerCase();
  if (LEVELS.includes(level)) return { amount: { kind: 'effort', effort: level as Effort }, show };
  if (thinkingBudget === 0) return { amount: { kind: 'off' }, show: false };
  const budget = tokens(thinkingBudget);
  if (budget !== null) return { amount: { kind: 'budget', tokens: budget }, show };
  return thinkingBudget === -1 || show ? { amount: { kind: 'auto' }, show } : null;
}
