/** What a prompt is, and how it becomes messages: `{{names}}` are replaced once, by values that are never looked at again. */
import { z } from 'zod';
import type { Issue } from '../refusal.ts';
import { err, ok, type Result } from '../result.ts';

const MAX_TEXT = 200_000;
const text = z.string().max(MAX_TEXT);
/** Letters, digits, `_`, `-` and `.`; the same in templates and in declarations. */
const NAME = /^[A-Za-z_][\w.-]{0,63}$/;

export const variableSchema = z.strictObject({
  name: z.string().regex(NAME, 'is not a name: letters, digits, "_", "-" and ".", beginning with a letter'),
  type: z.enum(['string', 'number', 'boolean', 'json']).default('string'),
  default: z.unknown().optional(),
  required: z.boolean().default(true),
  description: z.string().max(500).optional(),
});
export type Variable = z.infer<typeof variableSchema>;

export const messageSchema = z.strictObject({
  role: z.enum(['system', 'user', 'assistant']),
  content: text,
});
export type Message = z.infer<typeof messageSchema>;

/** A prompt's content. `prompt` is the user's message; `messages`, where given, come between `system` and it. */
export const promptContentSchema = z
  .strictObject({
    system: text.optional(),
    messages: z.array(messageSchema).max(100).optional(),
    prompt: text.optional(),
    variables: z.array(variableSchema).max(100).default([]),
    model: z.string().trim().min(1).max(200),
    temperature: z.number().min(0).max(2).optional(),
    maxTokens: z.int().min(1).max(1_000_000).optional(),
    /** the answer must be JSON of this schema */
    responseSchema: z.record(z.string(), z.unknown()).optional(),
    /** OpenAI function tools, as they go to the provider */
    tools: z.array(z.record(z.string(), z.unknown())).max(128).optional(),
  })
  .superRefine((content, context) => {
    if (!content.prompt?.trim() && !content.messages?.length)
      context.addIssue({ code: 'custom', path: ['prompt'], message: 'write a prompt or messages' });
    const seen = new Set<string>();
    for (const [i, { name }] of content.variables.entries()) {
      if (seen.has(name))
        context.addIssue({
          code: 'custom',
          path: ['variables', i, 'name'],
          message: `"${name}" is declared twice`,
        });
      seen.add(name);
    }
  });
export type PromptContent = z.infer<typeof promptContentSchema>;

/** A variable in a text; the name is group 1. */
export const PLACEHOLDER = /\{\{\s*([A-Za-z_][\w.-]{0,63})\s*\}\}/g;

/** The names in a prompt's texts, in order of appearance, each once. */
export function placeholdersOf(content: PromptContent): string[] {
  const names = textsOf(content).flatMap((one) => [...one.matchAll(PLACEHOLDER)].map((match) => match[1]!));
  return [...new Set(names)];
}

const textsOf = ({ system, messages, prompt }: PromptContent): string[] => [
  ...(system === undefined ? [] : [system]),
  ...(messages ?? []).map(({ content }) => content),
  ...(prompt === undefined ? [] : [prompt]),
];

/** The messages with every variable filled in. The issues name each variable that is missing, unknown or of the wrong type. */
export function render(content: PromptContent, values: Record<string, unknown>): Result<Message[], Issue[]> {
  const declared = new Map(content.variables.map((variable) => [variable.name, variable]));
  const used = placeholdersOf(content);
  const issues: Issue[] = [];
  const filled = new Map<string, string>();
  for (const name of new Set([...declared.keys(), ...used])) {
    const variable = declared.get(name);
    const given = Object.hasOwn(values, name) ? values[name] : undefined;
    const value = given ?? variable?.default;
    if (value === undefined || value === null) {
      if (variable?.required ?? true) issues.push({ path: `variables.${name}`, message: 'is missing' });
      filled.set(name, '');
    } else if (variable && !isOfType(value, variable.type)) {
      issues.push({ path: `variables.${name}`, message: `must be a ${variable.type}` });
    } else {
      filled.set(name, typeof value === 'string' ? value : JSON.stringify(value));
    }
  }
  for (const name of Object.keys(values))
    if (!declared.has(name) && !used.includes(name))
      issues.push({ path: `variables.${name}`, message: 'is not a variable of this prompt' });
  if (issues.length > 0) return err(issues);

  const fill = (template: string) => template.replace(PLACEHOLDER, (_, name: string) => filled.get(name)!);
  return ok(messagesOf(content, fill));
}

/** The messages as they stand, without any replacement: for texts that are final. */
export const literalMessages = (content: Pick<PromptContent, 'system' | 'messages' | 'prompt'>): Message[] =>
  messagesOf(content, (template) => template);

const messagesOf = (
  { system, messages = [], prompt }: Pick<PromptContent, 'system' | 'messages' | 'prompt'>,
  fill: (template: string) => string,
): Message[] => [
  ...(system === undefined ? [] : [{ role: 'system' as const, content: fill(system) }]),
  ...messages.map(({ role, content }) => ({ role, content: fill(content) })),
  ...(prompt === undefined ? [] : [{ role: 'user' as const, content: fill(prompt) }]),
];

const isOfType = (value: unknown, type: Variable['type']): boolean =>
  type === 'json' ||
  (type === 'string' ? ['string', 'number', 'boolean'].includes(typeof value) : typeof value === type);
