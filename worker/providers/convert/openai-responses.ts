/** OpenAI's responses in conversions: answers whole. Their events: openai-responses-stream.ts. */
import type { ConvertedCall } from '../../domain/contracts/provider.ts';
import type { Usage } from '../../domain/cost/usage.ts';
import { objects, type Json } from '../formats/json.ts';
import { Parts, type Answer, type AnswerChoice, type Finish, type Part } from './conversation.ts';
import type { Dialect } from './dialect.ts';
import { parseResponsesRequest, thoughtIn, writeResponsesRequest } from './openai-responses-request.ts';
import { streamParser, streamWriter } from './openai-responses-stream.ts';
import { object, sealed, string, stringOrNull, unsealed } from './reading.ts';

/** How a response ended; its calls say more than its status. */
export function finishOf(response: Json, called: boolean): Finish {
  const { reason } = object(response.incomplete_details);
  if (reason === 'max_output_tokens') return 'length';
  if (reason === 'content_filter') return 'content_filter';
  return called ? 'tool_calls' : 'stop';
}

function parseAnswer(body: unknown): Answer {
  const response = object(body);
  const parts = new Parts();
  for (const item of objects(response.output)) {
    if (item.type === 'message')
      for (const part of objects(item.content)) {
        parts.text('text', string(part.text));
        parts.text('refusal', string(part.refusal));
      }
    if (item.type === 'function_call')
      parts.call(string(item.call_id), string(item.name), string(item.arguments));
    if (item.type === 'reasoning') {
      parts.text('thinking', thoughtIn(item));
      const seal = stringOrNull(item.encrypted_content);
      if (seal !== null) parts.opaque(unsealed(seal, 'openai'));
    }
  }
  const called = parts.list.some(({ kind }) => kind === 'call');
  return {
    id: stringOrNull(response.id),
    model: stringOrNull(response.model),
    choices: [{ parts: parts.list, finish: finishOf(response, called), stopSequence: null }],
  };
}

export const usageOf = (usage: Usage): Json => ({
  input_tokens: usage.inputTokens,
  input_tokens_details: { cached_tokens: usage.cacheReadTokens },
  output_tokens: usage.outputTokens,
  output_tokens_details: { reasoning_tokens: usage.reasoningTokens },
  total_tokens: usage.inputTokens + usage.outputTokens,
});

/** The output items of an answer; `idOf` names each by its kind and place. */
export function outputOf(parts: readonly Part[], idOf: (prefix: string, index: number) => string): Json[] {
  const items: Json[] = [];
  let message: Json[] | null = null;
  for (const part of parts) {
    if (part.kind === 'text' || part.kind === 'refusal') {
      if (!message) {
        message = [];
        const id = idOf('msg', items.length);
        items.push({ type: 'message', id, status: 'completed', role: 'assistant', content: message });
      }
      message.push(contentPart(part));
      continue;
    }
    message = null;
    if (part.kind === 'call')
      items.push({
        type: 'function_call',
        id: idOf('fc', items.length),
        call_id: part.id,
        name: part.name,
        arguments: part.arguments || '{}',
        status: 'completed',
      });
    if (part.kind === 'thinking') items.push(reasoningItem(idOf('rs', items.length), part));
  }
  return items;
}

export const contentPart = (part: Extract<Part, { kind: 'text' | 'refusal' }>): Json =>
  part.kind === 'text'
    ? { type: 'output_text', text: part.text, annotations: [], logprobs: [] }
    : { type: 'refusal', refusal: part.text };

export const reasoningItem = (id: string, { text, opaque }: Extract<Part, { kind: 'thinking' }>): Json => ({
  type: 'reasoning',
  id,
  summary: text === '' ? [] : [{ type: 'summary_text', text }],
  ...(opaque ? { encrypted_content: sealed(opaque, 'openai') } : {}),
});

/** The response object around an output; it repeats what was asked, as OpenAI's does. */
export function responseOf(
  { body, runId, nowMs }: ConvertedCall,
  { id, model }: Pick<Answer, 'id' | 'model'>,
  { status, ...more }: { status: string; [field: string]: unknown },
): Json {
  const reasoning = object(body.reasoning);
  return {
    id: id?.startsWith('resp_') ? id : `resp_${id ?? runId}`,
    object: 'response',
    created_at: Math.floor(nowMs / 1000),
    status,
    background: false,
    error: null,
    incomplete_details: null,
    instructions: body.instructions ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    max_tool_calls: null,
    model: model ?? string(body.model),
    output: [],
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    previous_response_id: null,
    reasoning: { effort: reasoning.effort ?? null, summary: reasoning.summary ?? null },
    service_tier: null,
    store: false,
    temperature: body.temperature ?? 1,
    text: body.text ?? { format: { type: 'text' } },
    tool_choice: body.tool_choice ?? 'auto',
    tools: body.tools ?? [],
    top_logprobs: 0,
    top_p: body.top_p ?? 1,
    truncation: 'disabled',
    usage: null,
    user: body.user ?? null,
    metadata: body.metadata ?? {},
    ...more,
  };
}

const INCOMPLETE: Partial<Record<Finish, string>> = {
  length: 'max_output_tokens',
  content_filter: 'content_filter',
};

/** A response is completed, or incomplete for a reason. */
export function endOf(finish: Finish): { status: string; incomplete_details: Json | null } {
  const reason = INCOMPLETE[finish];
  return reason === undefined
    ? { status: 'completed', incomplete_details: null }
    : { status: 'incomplete', incomplete_details: { reason } };
}

const EMPTY: AnswerChoice = { parts: [], finish: 'stop', stopSequence: null };

export const openaiResponsesDialect: Dialect = {
  format: 'openai_responses',
  fieldNames: {
    messages: 'input',
    tools: 'tools',
    temperature: 'temperature',
    toolChoice: 'tool_choice',
    parallelTools: 'parallel_tool_calls',
    outputFormat: 'text.format',
    reasoning: 'reasoning.effort',
  },
  parseRequest: parseResponsesRequest,
  writeRequest: writeResponsesRequest,
  parseAnswer,
  writeAnswer({ choices, ...answer }, told) {
    const { parts, finish } = choices[0] ?? EMPTY;
    const output = outputOf(parts, (prefix, index) => `${prefix}_${told.runId}_${index}`);
    return responseOf(told, answer, { ...endOf(finish), output, usage: usageOf(told.usage) });
  },
  streamParser,
  streamWriter,
};
