/** Google's generateContent in conversions: answers whole and in chunks. */
import type { Usage } from '../../domain/cost/usage.ts';
import { isObject, objects, parsed, type Json } from '../formats/json.ts';
import { Parts, type Answer, type AnswerChoice, type Delta, type Finish, type Part } from './conversation.ts';
import type { Dialect, StreamWriter } from './dialect.ts';
import { parseGenerateRequest } from './gemini-request-reader.ts';
import { writeGenerateRequest } from './gemini-request-writer.ts';
import { opaqueOf, signatureOf } from './gemini-signature.ts';
import { argumentsOf, callIdOf, object, string, stringOrNull } from './reading.ts';

const FILTERED =
  /^(SAFETY|RECITATION|LANGUAGE|BLOCKLIST|PROHIBITED_CONTENT|SPII|IMAGE_SAFETY|IMAGE_PROHIBITED_CONTENT|IMAGE_RECITATION)$/;

/** Google says STOP also when it called a function. */
function finishOf(reason: unknown, called: boolean): Finish {
  if (reason === 'MAX_TOKENS') return 'length';
  if (FILTERED.test(string(reason))) return 'content_filter';
  return called ? 'tool_calls' : 'stop';
}

const REASONS: Record<Finish, string> = {
  stop: 'STOP',
  stop_sequence: 'STOP',
  tool_calls: 'STOP',
  length: 'MAX_TOKENS',
  content_filter: 'SAFETY',
};

/** One candidate's parts as pieces; `nextId` names a call that has no id of its own. */
function* deltasIn(candidate: Json, choice: number, nextId: () => string): Generator<Delta> {
  for (const part of objects(object(candidate.content).parts)) {
    const text = string(part.text);
    if (text !== '') yield { kind: part.thought === true ? 'thinking' : 'text', choice, text };
    // A call's seal stands before it, as everybody else has it.
    const signature = stringOrNull(part.thoughtSignature);
    if (signature !== null) yield { kind: 'opaque', choice, opaque: opaqueOf(signature) };
    if (!isObject(part.functionCall)) continue;
    const id = stringOrNull(part.functionCall.id) ?? nextId();
    yield { kind: 'call', choice, id, name: string(part.functionCall.name) };
    yield { kind: 'arguments', choice, id, text: JSON.stringify(object(part.functionCall.args)) };
  }
}

const isBlocked = (body: Json): boolean => Boolean(object(body.promptFeedback).blockReason);

function parseAnswer(body: unknown, runId: string): Answer {
  const answer = object(body);
  let calls = 0;
  const read = (candidate: Json): AnswerChoice => {
    const parts = new Parts();
    for (const delta of deltasIn(candidate, 0, () => callIdOf(runId, calls++))) {
      if (delta.kind === 'call') parts.call(delta.id, delta.name);
      else if (delta.kind === 'arguments') parts.arguments(delta.id, delta.text);
      else if (delta.kind === 'opaque') parts.opaque(delta.opaque);
      else if (delta.kind === 'text' || delta.kind === 'thinking') parts.text(delta.kind, delta.text);
    }
    const called = parts.list.some(({ kind }) => kind === 'call');
    return { parts: parts.list, finish: finishOf(candidate.finishReason, called), stopSequence: null };
  };
  const choices = objects(answer.candidates).map(read);
  if (choices.length === 0) choices.push({ ...EMPTY, finish: isBlocked(answer) ? 'content_filter' : 'stop' });
  return { id: stringOrNull(answer.responseId), model: stringOrNull(answer.modelVersion), choices };
}

const EMPTY: AnswerChoice = { parts: [], finish: 'stop', stopSequence: null };

function streamParser(runId: string): (data: string) => Delta[] {
  let started = false;
  let calls = 0;
  const called = new Set<number>();
  return function read(data) {
    const chunk = parsed(data);
    if (!chunk) return [];
    const deltas: Delta[] = [];
    if (!started) {
      started = true;
      deltas.push({
        kind: 'start',
        id: stringOrNull(chunk.responseId),
        model: stringOrNull(chunk.modelVersion),
      });
    }
    for (const candidate of objects(chunk.candidates)) {
      const choice = typeof candidate.index === 'number' ? candidate.index : 0;
      for (const delta of deltasIn(candidate, choice, () => callIdOf(runId, calls++))) {
        if (delta.kind === 'call') called.add(choice);
        deltas.push(delta);
      }
      if (candidate.finishReason) {
        const finish = finishOf(candidate.finishReason, called.has(choice));
        deltas.push({ kind: 'finish', choice, finish, stopSequence: null });
      }
    }
    if (isBlocked(chunk))
      deltas.push({ kind: 'finish', choice: 0, finish: 'content_filter', stopSequence: null });
    return deltas;
  };
}

const usageOf = (usage: Usage): Json => ({
  promptTokenCount: usage.inputTokens,
  candidatesTokenCount: usage.outputTokens - usage.reasoningTokens,
  totalTokenCount: usage.inputTokens + usage.outputTokens,
  ...(usage.cacheReadTokens > 0 ? { cachedContentTokenCount: usage.cacheReadTokens } : {}),
  ...(usage.reasoningTokens > 0 ? { thoughtsTokenCount: usage.reasoningTokens } : {}),
});

const callPart = (id: string, name: string, text: string): Json => ({
  functionCall: { id, name, args: argumentsOf(text) },
});

function partsOf(parts: readonly Part[]): Json[] {
  const written: Json[] = [];
  let seal: string | null = null;
  for (const part of parts) {
    if (part.kind === 'thinking') {
      const signature: Json = part.opaque ? { thoughtSignature: signatureOf(part.opaque) } : {};
      if (part.text !== '') written.push({ text: part.text, thought: true, ...signature });
      else if (part.opaque) seal = signatureOf(part.opaque);
    } else if (part.kind === 'call') {
      written.push({
        ...callPart(part.id, part.name, part.arguments),
        ...(seal ? { thoughtSignature: seal } : {}),
      });
      seal = null;
    } else if (part.kind === 'text' || part.kind === 'refusal') written.push({ text: part.text });
  }
  if (seal) written.push({ text: '', thoughtSignature: seal });
  return written;
}

const candidateOf = (index: number, parts: Json[], finish: Finish | null): Json => ({
  content: { role: 'model', parts },
  ...(finish ? { finishReason: REASONS[finish] } : {}),
  index,
});

interface Call {
  id: string;
  choice: number;
  name: string;
  text: string;
  seal: string | null;
}

/** Calls go out whole and with the end: Google has no pieces of arguments, and pieces may come in any order. */
function streamWriter({ body, runId }: Parameters<Dialect['streamWriter']>[0]): StreamWriter {
  let id: string | null = null;
  let model: string | null = null;
  let afterThought = false;
  let seal: string | null = null;
  const calls: Call[] = [];
  const finishes = new Map<number, Finish>();

  const send = (candidates: Json[], usage: Json | null = null) =>
    `data: ${JSON.stringify({
      candidates,
      ...(usage ? { usageMetadata: usage } : {}),
      modelVersion: model ?? string(body.model),
      responseId: id ?? runId,
    })}\n\n`;
  const sendPart = (choice: number, part: Json) => send([candidateOf(choice, [part], null)]);
  return {
    write(delta) {
      switch (delta.kind) {
        case 'start':
          ({ id, model } = delta);
          return '';
        case 'call':
          calls.push({ ...delta, text: '', seal });
          seal = null;
          return '';
        case 'arguments': {
          const call = calls.find((candidate) => candidate.id === delta.id);
          if (call) call.text += delta.text;
          return '';
        }
        case 'opaque': {
          const thoughtSignature = signatureOf(delta.opaque);
          if (afterThought) {
            afterThought = false;
            return sendPart(delta.choice, { text: '', thought: true, thoughtSignature });
          }
          seal = thoughtSignature;
          return '';
        }
        case 'finish':
          finishes.set(delta.choice, delta.finish);
          return '';
        default:
          afterThought = delta.kind === 'thinking';
          return sendPart(delta.choice, { text: delta.text, ...(afterThought ? { thought: true } : {}) });
      }
    },
    end(usage) {
      if (finishes.size === 0) finishes.set(0, 'stop');
      const candidates = [...finishes].map(([index, finish]) => {
        const parts = calls
          .filter(({ choice }) => choice === index)
          .map((call) => ({
            ...callPart(call.id, call.name, call.text),
            ...(call.seal ? { thoughtSignature: call.seal } : {}),
          }));
        const last = seal && index === 0 ? { text: '', thoughtSignature: seal } : { text: '' };
        return candidateOf(index, parts.length > 0 ? parts : [last], finish);
      });
      return send(candidates, usageOf(usage));
    },
  };
}

export const geminiGenerateDialect: Dialect = {
  format: 'gemini_generate',
  fieldNames: {
    messages: 'contents',
    tools: 'tools',
    choices: 'generationConfig.candidateCount',
    temperature: 'generationConfig.temperature',
    topK: 'generationConfig.topK',
    seed: 'generationConfig.seed',
    presencePenalty: 'generationConfig.presencePenalty',
    frequencyPenalty: 'generationConfig.frequencyPenalty',
    stop: 'generationConfig.stopSequences',
    toolChoice: 'toolConfig.functionCallingConfig',
    outputFormat: 'generationConfig.responseMimeType',
    reasoning: 'generationConfig.thinkingConfig',
  },
  parseRequest: parseGenerateRequest,
  writeRequest: writeGenerateRequest,
  parseAnswer,
  writeAnswer: ({ id, model, choices }, { body, runId, usage }) => ({
    candidates: choices.map(({ parts, finish }, index) => candidateOf(index, partsOf(parts), finish)),
    usageMetadata: usageOf(usage),
    modelVersion: model ?? string(body.model),
    responseId: id ?? runId,
  }),
  streamParser,
  streamWriter,
};
