/** What the sandbox says to a chat-completions request: decided by the request alone, cut at exactly the allowed tokens. */
import { instanceOf } from './instance.ts';
import { diceOf, type Dice } from './seeded.ts';
import { answerText } from './words.ts';

type Json = Record<string, unknown>;
export type CountText = (text: string) => Promise<number>;

/** Most tokens of an answer whose request names no maximum. */
export const DEFAULT_MAX_OUTPUT = 500;

export interface Choice {
  content: string | null;
  /** the content in pieces of about a token, as it is streamed */
  pieces: string[];
  toolCall: { id: string; name: string; arguments: string } | null;
  finishReason: 'stop' | 'length' | 'tool_calls';
  tokens: number;
}

const objects = (value: unknown): Json[] =>
  Array.isArray(value) ? value.filter((item): item is Json => typeof item === 'object' && item !== null) : [];

/** One answer per choice. */
export async function answersTo(body: Json, model: string, count: CountText): Promise<Choice[]> {
  const allowed = (body.max_completion_tokens ?? body.max_tokens ?? DEFAULT_MAX_OUTPUT) as number;
  const seed = JSON.stringify([
    model,
    body.messages,
    body.response_format,
    body.tools,
    body.tool_choice,
    body.seed,
  ]);
  return Promise.all(
    Array.from({ length: (body.n as number | undefined) ?? 1 }, (_, index) =>
      answer(body, model, diceOf(seed, String(index)), { allowed, count }),
    ),
  );
}

async function answer(
  body: Json,
  model: string,
  dice: Dice,
  { allowed, count }: { allowed: number; count: CountText },
): Promise<Choice> {
  const tool = calledTool(body);
  const text = tool
    ? JSON.stringify(instanceOf(tool.parameters ?? { type: 'object' }, dice))
    : (structured(body, dice) ??
      answerText(
        lastUserText(body),
        dice,
        model === 'sandbox-small' ? { least: 1, most: 3 } : { least: 3, most: 8 },
      ));
  const cut = await cutAt(text, allowed, count);
  const finished = cut.text === text;
  return {
    content: tool ? null : cut.text,
    pieces: cut.pieces,
    toolCall: tool
      ? { id: `call_${Math.floor(dice() * 1e12).toString(36)}`, name: String(tool.name), arguments: cut.text }
      : null,
    finishReason: !finished ? 'length' : tool ? 'tool_calls' : 'stop',
    tokens: cut.tokens,
  };
}

/** The tool that `tool_choice` demands; null when the answer may be text. */
function calledTool(body: Json): Json | null {
  const tools = objects(body.tools).map((tool) => tool.function as Json);
  const choice = body.tool_choice;
  if (choice === 'required') return tools[0] ?? null;
  const named = (choice as { function?: { name?: unknown } } | undefined)?.function?.name;
  return tools.find((tool) => tool?.name === named && named !== undefined) ?? null;
}

function structured(body: Json, dice: Dice): string | null {
  const format = body.response_format as { type?: string; json_schema?: { schema?: unknown } } | undefined;
  if (format?.type === 'json_schema') return JSON.stringify(instanceOf(format.json_schema?.schema, dice));
  if (format?.type !== 'json_object') return null;
  return JSON.stringify({ answer: answerText(lastUserText(body), dice, { least: 1, most: 1 }) });
}

function lastUserText(body: Json): string {
  const message =
    objects(body.messages).findLast((candidate) => candidate.role === 'user') ??
    objects(body.messages).at(-1);
  if (typeof message?.content === 'string') return message.content;
  return objects(message?.content)
    .map((part) => String(part.text ?? ''))
    .join(' ');
}

/**
 * The longest beginning of `text` that counts at most `allowed` tokens, in pieces. Tokens never reach over a space that begins a
 * word, so whole words are counted one by one and only the word at the edge is tried letter by letter.
 */
async function cutAt(
  text: string,
  allowed: number,
  count: CountText,
): Promise<{ text: string; pieces: string[]; tokens: number }> {
  const pieces: string[] = [];
  let tokens = 0;
  for (const piece of text.split(/(?= \S)/)) {
    const more = await count(piece);
    if (tokens + more <= allowed) {
      pieces.push(piece);
      tokens += more;
      continue;
    }
    for (let length = piece.length - 1; length > 0; length--) {
      const part = piece.slice(0, length);
      if (/[\ud800-\udbff]$/.test(part)) continue;
      const partTokens = await count(part);
      if (tokens + partTokens > allowed) continue;
      pieces.push(part);
      tokens += partTokens;
      break;
    }
    break;
  }
  return { text: pieces.join(''), pieces, tokens };
}
