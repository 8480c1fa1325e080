/** What is being edited: a prompt's content as text fields, its variables, and whether it differs from what is saved. */
import { PLACEHOLDER } from '../../../../worker/domain/prompt/template.ts';
import type { PromptContent } from '../shapes.ts';

export interface Draft {
  system: string;
  prompt: string;
  model: string;
  /** as typed; '' = the model's default */
  temperature: string;
  maxTokens: string;
  responseSchema: string;
}

/** What has no field here but must not be lost by a save: messages, declared variables, tools. */
export type Kept = Pick<PromptContent, 'messages' | 'variables' | 'tools'>;
export const keptOf = ({ messages, variables, tools }: PromptContent): Kept => ({
  ...(messages?.length ? { messages } : {}),
  ...(variables?.length ? { variables } : {}),
  ...(tools?.length ? { tools } : {}),
});

export const draftOf = (content: PromptContent): Draft => ({
  system: content.system ?? '',
  prompt: content.prompt ?? '',
  model: content.model,
  temperature: content.temperature === undefined ? '' : String(content.temperature),
  maxTokens: content.maxTokens === undefined ? '' : String(content.maxTokens),
  responseSchema: content.responseSchema === undefined ? '' : JSON.stringify(content.responseSchema, null, 2),
});

export const sameDraft = (a: Draft, b: Draft): boolean =>
  (Object.keys(a) as (keyof Draft)[]).every((field) => a[field] === b[field]);

export type Checked =
  { ok: true; content: PromptContent } | { ok: false; faults: Partial<Record<keyof Draft, string>> };

/** The draft as the API takes it, or what is wrong with it by field. */
export function contentOf(draft: Draft, kept: Kept = {}): Checked {
  const faults: Partial<Record<keyof Draft, string>> = {};
  if (!draft.prompt.trim() && !kept.messages) faults.prompt = 'Write what the model is asked.';
  if (!draft.model) faults.model = 'Choose a model.';
  const temperature =
    draft.temperature.trim() === '' ? undefined : Number(draft.temperature.replace(',', '.'));
  if (temperature !== undefined && !(temperature >= 0 && temperature <= 2))
    faults.temperature = 'A number from 0 to 2, or empty.';
  const maxTokens = draft.maxTokens.trim() === '' ? undefined : Number(draft.maxTokens);
  if (maxTokens !== undefined && !(Number.isInteger(maxTokens) && maxTokens >= 1))
    faults.maxTokens = 'A whole number from 1, or empty.';
  const schema = schemaOf(draft.responseSchema);
  if (!schema.ok) faults.responseSchema = schema.message;
  if (!schema.ok || Object.keys(faults).length > 0) return { ok: false, faults };
  return {
    ok: true,
    content: {
      ...kept,
      ...(draft.system.trim() ? { system: draft.system } : {}),
      ...(draft.prompt.trim() ? { prompt: draft.prompt } : {}),
      model: draft.model,
      ...(temperature === undefined ? {} : { temperature }),
      ...(maxTokens === undefined ? {} : { maxTokens }),
      ...(schema.value ? { responseSchema: schema.value } : {}),
    },
  };
}

/** A JSON schema as typed; empty is none. */
export function schemaOf(
  text: string,
): { ok: true; value: Record<string, unknown> | null } | { ok: false; message: string } {
  if (!text.trim()) return { ok: true, value: null };
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return { ok: true, value: value as Record<string, unknown> };
    return { ok: false, message: 'A JSON schema is an object: { "type": "object", ... }.' };
  } catch (error) {
    return { ok: false, message: `Not valid JSON: ${(error as Error).message}` };
  }
}

/** Names between {{ and }}, each once, in the order they are read. */
export const variablesIn = (...texts: string[]): string[] => [
  ...new Set(texts.flatMap((text) => [...text.matchAll(PLACEHOLDER)].map((match) => match[1]!))),
];

/** The text with its values filled in, for counting; a variable without a value stays as it is written. */
export const filled = (text: string, values: Readonly<Record<string, string>>): string =>
  text.replace(PLACEHOLDER, (whole, name: string) => values[name] || whole);
