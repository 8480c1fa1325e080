/**
 * The sandbox in Google's words: a generateContent request is turned into the chat request that it means, answered by the one sandbox
 * there is, and the answer is turned back, whole or as events.
 */
import type { TokenCounts } from '../../domain/contracts/provider.ts';
import { sandboxFetch, type SandboxDeps } from './server.ts';

type Json = Record<string, unknown>;
interface ChatCompletion {
  id: string;
  choices: {
    index: number;
    message: { content: string | null; tool_calls?: { function: { name: string; arguments: string } }[] };
    finish_reason: string;
  }[];
  usage: { prompt_tokens: number; completion_tokens: number };
}

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const list = (value: unknown): Json[] => (Array.isArray(value) ? value : [value]).filter(isObject);
const field = (from: unknown, camel: string, snake: string): unknown =>
  isObject(from) ? (from[camel] ?? from[snake]) : undefined;

/** A `fetch` that answers Google's addresses of the sandbox. */
export function geminiSandboxFetch(deps: SandboxDeps): typeof fetch {
  return async function fetchGemini(input, init) {
    const request = new Request(input as RequestInfo, init as RequestInit);
    const [, model, method] =
      /\/v1beta\/models\/([^/]+):(generateContent|streamGenerateContent)$/.exec(
        new URL(request.url).pathname,
      ) ?? [];
    if (model === undefined)
      return refused(404, `There is no ${request.method} ${new URL(request.url).pathname}.`);
    const body = (await request.json()) as Json;
    const count: TokenCounts = {
      ...deps.count,
      request: (counted) => deps.count.request(counted, 'gemini_generate', body),
    };
    const answer = await sandboxFetch({ ...deps, count })('http://sandbox.invalid/v1/chat/completions', {
      method: 'POST',
      body: JSON.stringify(chatOf(body, model)),
      signal: init?.signal,
    });
    if (!answer.ok) {
      const { error } = (await answer.json()) as { error: { message: string } };
      return refused(answer.status, error.message, answer.headers.get('retry-after'));
    }
    const completion = (await answer.json()) as ChatCompletion;
    if (method === 'generateContent')
      return Response.json(chunk(completion, model, completion.choices.map(whole)));
    const events = [...chunksOf(completion, model)].map((event) => `data: ${JSON.stringify(event)}\r\n\r\n`);
    return new Response(events.join(''), { headers: { 'content-type': 'text/event-stream' } });
  };
}

function chatOf(body: Json, model: string): Json {
  const config = field(body, 'generationConfig', 'generation_config');
  const system = field(body, 'systemInstruction', 'system_instruction');
  const functions = list(body.tools).flatMap((tool) =>
    list(field(tool, 'functionDeclarations', 'function_declarations')),
  );
  return {
    model,
    messages: [
      ...(system === undefined ? [] : [{ role: 'system', content: textOf(system) }]),
      ...list(body.contents).map((content) => ({
        role: content.role === 'model' ? 'assistant' : 'user',
        content: textOf(content),
      })),
    ],
    max_tokens: field(config, 'maxOutputTokens', 'max_output_tokens'),
    n: field(config, 'candidateCount', 'candidate_count'),
    seed: field(config, 'seed', 'seed'),
    response_format: formatOf(config),
    tools: functions.map(({ name, parameters, parametersJsonSchema }) => ({
      type: 'function',
      function: { name, parameters: lowered(parameters ?? parametersJsonSchema) },
    })),
    tool_choice: choiceOf(body),
  };
}

const textOf = (content: unknown): string =>
  typeof content === 'string'
    ? content
    : list(field(content, 'parts', 'parts'))
        .map((part) => (typeof part.text === 'string' ? part.text : JSON.stringify(part)))
        .join('');

function formatOf(config: unknown): Json | undefined {
  if (field(config, 'responseMimeType', 'response_mime_type') !== 'application/json') return undefined;
  const schema =
    field(config, 'responseJsonSchema', 'response_json_schema') ??
    field(config, 'responseSchema', 'response_schema');
  return schema === undefined
    ? { type: 'json_object' }
    : { type: 'json_schema', json_schema: { name: 'answer', schema: lowered(schema) } };
}

/** Google writes the types of a schema in capitals. */
function lowered(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(lowered);
  if (!isObject(schema)) return schema;
  return Object.fromEntries(
    Object.entries(schema).map(([name, value]) => [
      name,
      name === 'type' && typeof value === 'string' ? value.toLowerCase() : lowered(value),
    ]),
  );
}

function choiceOf(body: Json): unknown {
  const calling = field(
    field(body, 'toolConfig', 'tool_config'),
    'functionCallingConfig',
    'function_calling_config',
  );
  if (field(calling, 'mode', 'mode') !== 'ANY') return undefined;
  const names = field(calling, 'allowedFunctionNames', 'allowed_function_names');
  return Array.isArray(names) && names.length > 0
    ? { type: 'function', function: { name: names[0] as unknown } }
    : 'required';
}

type Choice = ChatCompletion['choices'][number];

const candidate = (index: number, parts: Json[], finish?: string) => ({
  content: { role: 'model', parts },
  ...(finish === undefined ? {} : { finishReason: finish === 'length' ? 'MAX_TOKENS' : 'STOP' }),
  index,
});

const whole = ({ index, message, finish_reason }: Choice) =>
  candidate(index, message.tool_calls?.map(callPart) ?? [{ text: message.content ?? '' }], finish_reason);

function callPart({
  function: { name, arguments: text },
}: {
  function: { name: string; arguments: string };
}) {
  try {
    return { functionCall: { name, args: JSON.parse(text) as unknown } };
  } catch {
    // Cut in the middle of its arguments: the call is named, its arguments are not.
    return { functionCall: { name, args: {} } };
  }
}

/** Usage is cumulative in every chunk; what was written is counted in the last. */
const chunk = ({ id, usage }: ChatCompletion, model: string, candidates: Json[], last = true) => ({
  candidates,
  usageMetadata: {
    promptTokenCount: usage.prompt_tokens,
    ...(last ? { candidatesTokenCount: usage.completion_tokens } : {}),
    totalTokenCount: usage.prompt_tokens + (last ? usage.completion_tokens : 0),
  },
  modelVersion: model,
  responseId: id,
});

function* chunksOf(completion: ChatCompletion, model: string): Generator<Json> {
  const parts = completion.choices.flatMap((choice) => {
    const pieces = choice.message.tool_calls
      ? choice.message.tool_calls.map(callPart)
      : (choice.message.content ?? '').split(/(?= \S)/).map((text) => ({ text }));
    return pieces.map((piece, i) =>
      candidate(choice.index, [piece], i === pieces.length - 1 ? choice.finish_reason : undefined),
    );
  });
  for (const [i, part] of parts.entries()) yield chunk(completion, model, [part], i === parts.length - 1);
}

const STATUS_WORDS: Record<number, string> = {
  400: 'INVALID_ARGUMENT',
  404: 'NOT_FOUND',
  429: 'RESOURCE_EXHAUSTED',
  500: 'INTERNAL',
  503: 'UNAVAILABLE',
};

const refused = (code: number, message: string, retryAfter: string | null = null) =>
  Response.json(
    { error: { code, message, status: STATUS_WORDS[code] ?? 'UNKNOWN' } },
    { status: code, headers: retryAfter === null ? {} : { 'retry-after': retryAfter } },
  );
