/** A conversation, written as Anthropic's messages. */
import type { Json } from '../formats/json.ts';
import { closedSchema } from './anthropic-schema.ts';
import { thinkingFor } from './anthropic-thinking.ts';
import type { Conversation, Document, Image, Part, Tool, Turn } from './conversation.ts';
import type { Dialect, NamedField } from './dialect.ts';
import { argumentsOf, given, mediaTypeOf, textOfBase64 } from './reading.ts';
import { hoisted, resultsFirst } from './turns.ts';

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

const textBlock = (text: string): Json => ({ type: 'text', text });

function messageOf({ role, parts }: Turn): Json {
  const content = resultsFirst(parts).flatMap(blockOf);
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
