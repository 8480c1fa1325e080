/** A conversation, written as Google's generateContent. */
import type { ConversionTarget } from '../../domain/contracts/provider.ts';
import { isObject, type Json } from '../formats/json.ts';
import type {
  Conversation,
  Effort,
  Part,
  Reasoning,
  ResultOfCall,
  ResultPart,
  Tool,
  ToolChoice,
  Turn,
} from './conversation.ts';
import type { Dialect } from './dialect.ts';
import { isOnly, LEVELS } from './gemini-request-reader.ts';
import { signatureOf } from './gemini-signature.ts';
import { argumentsOf, given, mediaTypeOf } from './reading.ts';
import { budgetOfEffort, effortOfBudget } from './reasoning.ts';
import { hoisted, resultsFirst, textIn } from './turns.ts';

export const writeGenerateRequest: Dialect['writeRequest'] = (conversation, to, cannot) => {
  if (conversation.parallelTools === false && conversation.tools.length > 0)
    cannot('parallelTools', 'this model cannot be held to one call at a time');
  const { system, turns } = hoisted(conversation);
  const generationConfig = configOf(conversation, to);
  const names = new Map(
    turns.flatMap(({ parts }) =>
      parts.flatMap((part) => (part.kind === 'call' ? [[part.id, part.name] as const] : [])),
    ),
  );
  const nameOf = (callId: string): string => {
    const name = names.get(callId);
    if (name === undefined)
      cannot('messages', `hold a result of the call ${callId}, which was not made in them`);
    return name ?? '';
  };
  return given({
    model: to.model,
    systemInstruction: system.length === 0 ? null : { parts: system.map((text) => ({ text })) },
    contents: turns.map((turn) => contentOf(turn, nameOf, to.model)),
    tools:
      conversation.tools.length > 0
        ? [{ functionDeclarations: conversation.tools.map(declarationOf) }]
        : null,
    toolConfig: conversation.toolChoice && { functionCallingConfig: callingOf(conversation.toolChoice) },
    generationConfig: Object.keys(generationConfig).length > 0 ? generationConfig : null,
  });
};

function configOf(conversation: Conversation, { model }: ConversionTarget): Json {
  const { outputFormat: format, choices, stop, reasoning } = conversation;
  return given({
    maxOutputTokens: conversation.maxOutputTokens,
    candidateCount: choices > 1 ? choices : null,
    temperature: conversation.temperature,
    topP: conversation.topP,
    topK: conversation.topK,
    seed: conversation.seed,
    presencePenalty: conversation.presencePenalty,
    frequencyPenalty: conversation.frequencyPenalty,
    stopSequences: stop.length > 0 ? stop : null,
    responseMimeType: format && 'application/json',
    responseJsonSchema: format?.kind === 'schema' ? format.schema : null,
    thinkingConfig: reasoning && thinkingOf(reasoning, model),
  });
}

/** Gemini 3 and later take a level, the ones before a budget. */
function thinkingOf({ amount, show }: Reasoning, model: string): Json {
  const levels = /gemini-([3-9]|\d\d)/.test(model);
  const thoughts = show ? { includeThoughts: true } : {};
  switch (amount.kind) {
    case 'off':
      return levels ? { thinkingLevel: 'minimal' } : { thinkingBudget: 0 };
    case 'auto':
      return levels ? thoughts : { thinkingBudget: -1, ...thoughts };
    case 'effort':
      return levels
        ? { thinkingLevel: levelOf(amount.effort), ...thoughts }
        : { thinkingBudget: Math.min(budgetOfEffort(amount.effort), MOST_THINKING), ...thoughts };
    case 'budget':
      return levels
        ? { thinkingLevel: levelOf(effortOfBudget(amount.tokens)), ...thoughts }
        : { thinkingBudget: Math.min(amount.tokens, MOST_THINKING), ...thoughts };
  }
}

/** The largest budget that every thinking Gemini with budgets takes. */
const MOST_THINKING = 24_576;
const levelOf = (effort: Effort) => (LEVELS.includes(effort) ? effort : 'high');

const declarationOf = ({ name, description, parameters }: Tool): Json =>
  given({ name, description, parametersJsonSchema: parameters });

const callingOf = ({ mode, only }: ToolChoice): Json => ({
  // A model that may choose among some tools but need not is only held to them when it is checked.
  mode: mode === 'required' ? 'ANY' : mode === 'none' ? 'NONE' : only ? 'VALIDATED' : 'AUTO',
  ...(only ? { allowedFunctionNames: only } : {}),
});

function contentOf({ role, parts }: Turn, nameOf: (callId: string) => string, model: string): Json {
  const ordered = resultsFirst(parts);
  const written: Json[] = [];
  let seal: string | null = null;
  const sealedPart = (part: Json): Json => {
    const signed = seal === null ? part : { ...part, thoughtSignature: seal };
    seal = null;
    return signed;
  };
  for (const [i, part] of ordered.entries()) {
    if (part.kind === 'thinking') {
      // What others thought means nothing to Google.
      if (part.opaque?.by !== 'gemini') continue;
      const signature = signatureOf(part.opaque);
      const thought = part.text === '' ? [] : [{ text: part.text, thought: true }];
      // Google looks for it on the call that the thoughts led to.
      if (ordered.slice(i).some(({ kind }) => kind === 'call')) {
        seal = signature;
        written.push(...thought);
      } else written.push({ ...(thought[0] ?? { text: '' }), thoughtSignature: signature });
    } else if (part.kind === 'call') {
      const first = !written.some(({ functionCall }) => functionCall !== undefined);
      if (first && seal === null && REFUSES_UNSIGNED.test(model)) seal = UNSIGNED;
      written.push(
        sealedPart({ functionCall: { id: part.id, name: part.name, args: argumentsOf(part.arguments) } }),
      );
    } else if (part.kind === 'result') {
      written.push({
        functionResponse: { id: part.callId, name: nameOf(part.callId), response: responseOf(part) },
      });
    } else written.push(shownPart(part));
  }
  const shown = ordered.flatMap((part) =>
    part.kind === 'result' ? part.content.filter(({ kind }) => kind !== 'text').map(shownPart) : [],
  );
  return { role: role === 'assistant' ? 'model' : 'user', parts: [...written, ...shown] };
}

/** Gemini 3 refuses calls in its history that it did not sign, unless they carry Google's own word for "another model made this". */
const REFUSES_UNSIGNED = /gemini-([3-9]|\d\d)/;
const UNSIGNED = 'skip_thought_signature_validator';

/** Google wants an object: what is one goes as it is, everything else is wrapped. */
function responseOf({ content, isError }: ResultOfCall): Json {
  const text = textIn(content);
  if (isError) return { error: text };
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value) && !isOnly(value, 'output') && !isOnly(value, 'error')) return value;
  } catch {
    // plain text
  }
  return { output: text };
}

function shownPart(part: Exclude<Part, { kind: 'call' | 'result' | 'thinking' }> | ResultPart): Json {
  if (part.kind === 'text' || part.kind === 'refusal') return { text: part.text };
  const { source } = part;
  const mimeType = mediaTypeOf(source, part.kind === 'image' ? 'image/jpeg' : 'application/pdf');
  return source.kind === 'url'
    ? { fileData: { fileUri: source.url, mimeType } }
    : { inlineData: { mimeType, data: source.data } };
}
