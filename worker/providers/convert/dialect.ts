/** What a wire format must be to take part in conversions. One file per format in this folder, one line in its registry. */
import type { ConversionTarget, ConvertedCall, WireFormat } from '../../domain/contracts/provider.ts';
import type { Usage } from '../../domain/cost/usage.ts';
import type { Json } from '../formats/json.ts';
import type { Answer, Conversation, Delta } from './conversation.ts';

/** Notes what cannot be said: the field, and why. The call is then refused; nothing is left out silently. */
export type Cannot = (path: string, message: string) => void;

/** Where something stands that is read, and how it is told that it cannot be said. */
export interface Place {
  path: string;
  cannot: Cannot;
}

export const NO_PLACE = 'has no place in the format of this model';
export const OTHERS_TOOL = 'is a tool that only its own provider has';

/** What a conversation may hold that a target has no place for; each format says by which name its callers know it. */
export type NamedField =
  | 'messages'
  | 'tools'
  | 'choices'
  | 'temperature'
  | 'topK'
  | 'seed'
  | 'presencePenalty'
  | 'frequencyPenalty'
  | 'stop'
  | 'toolChoice'
  | 'parallelTools'
  | 'outputFormat'
  | 'reasoning';

export interface Dialect {
  format: WireFormat;
  fieldNames: Readonly<Partial<Record<NamedField, string>>>;
  /** `cannot` is given paths within the body */
  parseRequest(body: Json, cannot: Cannot): Conversation;
  writeRequest(
    conversation: Conversation,
    to: ConversionTarget,
    cannot: (field: NamedField, why: string) => void,
  ): Json;
  /** never throws, whatever the provider wrote */
  parseAnswer(body: unknown, runId: string): Answer;
  writeAnswer(answer: Answer, told: ConvertedCall & { usage: Usage }): Json;
  /** one event's data text after the other; never throws */
  streamParser(runId: string): (data: string) => Delta[];
  streamWriter(told: ConvertedCall): StreamWriter;
}

export interface StreamWriter {
  /** events for one piece; '' for none. What tells of the end is kept for `end`. */
  write(delta: Delta): string;
  end(usage: Usage): string;
}
