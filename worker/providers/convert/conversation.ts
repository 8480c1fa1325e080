/**
 * The hub of all conversions: a conversation, an answer and its pieces as every chat format can mean them. Each format is read into
 * this and written from this, so that n formats need n files, not n x n.
 */

export interface Conversation {
  model: string;
  /** the instructions before the first turn */
  system: string[];
  /** neighbours never have the same role */
  turns: Turn[];
  tools: Tool[];
  toolChoice: ToolChoice | null;
  /** may one answer call several tools? null = not said */
  parallelTools: boolean | null;
  /** null = text */
  outputFormat: OutputFormat | null;
  maxOutputTokens: number | null;
  temperature: number | null;
  topP: number | null;
  topK: number | null;
  seed: number | null;
  presencePenalty: number | null;
  frequencyPenalty: number | null;
  stop: string[];
  /** how many answers */
  choices: number;
  reasoning: Reasoning | null;
  /** the caller's name for his own user */
  user: string | null;
}

/** `system` within the turns: instructions that came later in the conversation. */
export type Role = 'user' | 'assistant' | 'system';

export interface Turn {
  role: Role;
  parts: Part[];
}

export type Part =
  | { kind: 'text'; text: string }
  | Image
  | Document
  /** what the model thought; `opaque` proves it to the provider that it came from. Without text it belongs to the call after it. */
  | { kind: 'thinking'; text: string; opaque: Opaque | null }
  | { kind: 'refusal'; text: string }
  /** `arguments` is JSON text */
  | { kind: 'call'; id: string; name: string; arguments: string }
  | { kind: 'result'; callId: string; content: ResultPart[]; isError: boolean };

export type ResultPart = { kind: 'text'; text: string } | Image | Document;
export type CallPart = Extract<Part, { kind: 'call' }>;
export type ResultOfCall = Extract<Part, { kind: 'result' }>;

export interface Image {
  kind: 'image';
  source: Source;
  /** how closely to look, in OpenAI's words */
  detail: string | null;
}

export interface Document {
  kind: 'document';
  source: Source;
  name: string | null;
}

export type Source =
  | { kind: 'base64'; mediaType: string; data: string }
  | { kind: 'url'; url: string; mediaType: string | null };

/** Bytes that only the provider which wrote them can read. */
export interface Opaque {
  by: 'anthropic' | 'anthropic-redacted' | 'gemini' | 'openai';
  value: string;
}

export interface Tool {
  name: string;
  description: string | null;
  /** JSON schema of its arguments; null = it takes none */
  parameters: Record<string, unknown> | null;
  strict: boolean | null;
}

/** `only`: the tools among which it must choose; null = all of them. */
export interface ToolChoice {
  mode: 'auto' | 'none' | 'required';
  only: string[] | null;
}

export type OutputFormat =
  | { kind: 'json' }
  | {
      kind: 'schema';
      name: string | null;
      description: string | null;
      schema: Record<string, unknown>;
      strict: boolean | null;
    };

export type Effort = 'minimal' | 'low' | 'medium' | 'high' | 'xhigh' | 'max';
export interface Reasoning {
  amount:
    | { kind: 'off' }
    /** as much as the model likes */
    | { kind: 'auto' }
    | { kind: 'effort'; effort: Effort }
    | { kind: 'budget'; tokens: number };
  /** does the caller want to read it? */
  show: boolean;
}

export type Finish = 'stop' | 'stop_sequence' | 'length' | 'tool_calls' | 'content_filter';

export interface Answer {
  /** the provider's own; null = it gave none */
  id: string | null;
  model: string | null;
  choices: AnswerChoice[];
}

export interface AnswerChoice {
  parts: Part[];
  finish: Finish;
  /** the stop sequence that ended it, where the provider says so */
  stopSequence: string | null;
}

/** An answer piece by piece. A call is known by its id; `opaque` ends the thinking before it, or stands alone. */
export type Delta =
  | { kind: 'start'; id: string | null; model: string | null }
  | { kind: 'text' | 'thinking' | 'refusal'; choice: number; text: string }
  | { kind: 'opaque'; choice: number; opaque: Opaque }
  | { kind: 'call'; choice: number; id: string; name: string }
  | { kind: 'arguments'; choice: number; id: string; text: string }
  | { kind: 'finish'; choice: number; finish: Finish; stopSequence: string | null };

export const emptyConversation = (model: string): Conversation => ({
  model,
  system: [],
  turns: [],
  tools: [],
  toolChoice: null,
  parallelTools: null,
  outputFormat: null,
  maxOutputTokens: null,
  temperature: null,
  topP: null,
  topK: null,
  seed: null,
  presencePenalty: null,
  frequencyPenalty: null,
  stop: [],
  choices: 1,
  reasoning: null,
  user: null,
});

/** The parts of an answer in the making: what follows what it continues is joined to it. */
export class Parts {
  readonly list: Part[] = [];

  text(kind: 'text' | 'thinking' | 'refusal', text: string): void {
    if (text === '') return;
    const last = this.list.at(-1);
    if (last?.kind === kind && !(last.kind === 'thinking' && last.opaque)) last.text += text;
    else if (kind === 'thinking') this.list.push({ kind, text, opaque: null });
    else this.list.push({ kind, text });
  }

  opaque(opaque: Opaque): void {
    const last = this.list.at(-1);
    if (last?.kind === 'thinking' && !last.opaque) last.opaque = opaque;
    else this.list.push({ kind: 'thinking', text: '', opaque });
  }

  call(id: string, name: string, text = ''): void {
    this.list.push({ kind: 'call', id, name, arguments: text });
  }

  arguments(id: string, text: string): void {
    const call = this.list.find((part) => part.kind === 'call' && part.id === id);
    if (call?.kind === 'call') call.arguments += text;
  }
}

/** The answer that a stream's pieces make. */
export function joined(deltas: readonly Delta[]): Answer {
  const answer: Answer = { id: null, model: null, choices: [] };
  const parts: Parts[] = [];
  const at = (choice: number) => {
    while (answer.choices.length <= choice) {
      parts.push(new Parts());
      answer.choices.push({ parts: parts.at(-1)!.list, finish: 'stop', stopSequence: null });
    }
    return parts[choice]!;
  };
  for (const delta of deltas) {
    switch (delta.kind) {
      case 'start':
        answer.id ??= delta.id;
        answer.model ??= delta.model;
        break;
      case 'opaque':
        at(delta.choice).opaque(delta.opaque);
        break;
      case 'call':
        at(delta.choice).call(delta.id, delta.name);
        break;
      case 'arguments':
        at(delta.choice).arguments(delta.id, delta.text);
        break;
      case 'finish': {
        at(delta.choice);
        const { finish, stopSequence } = delta;
        Object.assign(answer.choices[delta.choice]!, { finish, stopSequence });
        break;
      }
      default:
        at(delta.choice).text(delta.kind, delta.text);
    }
  }
  return answer;
}
