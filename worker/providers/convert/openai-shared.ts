/** What OpenAI's two formats share: tools, tool choice, schemas, efforts. */
import { isObject, objects, type Json } from '../formats/json.ts';
import type {
  Document,
  Effort,
  Image,
  OutputFormat,
  Reasoning,
  Source,
  Tool,
  ToolChoice,
} from './conversation.ts';
import type { Cannot } from './dialect.ts';
import { given, object, sourceOfUrl, string, stringOrNull } from './reading.ts';
import { effortOfBudget } from './reasoning.ts';

/** A function as both formats define it; chat puts it one level deeper. */
export const toolOf = (definition: Json): Tool => ({
  name: string(definition.name),
  description: stringOrNull(definition.description),
  parameters: isObject(definition.parameters) ? definition.parameters : null,
  strict: typeof definition.strict === 'boolean' ? definition.strict : null,
});

export const definitionOf = ({ name, description, parameters, strict }: Tool): Json =>
  given({ name, description, parameters, strict });

/** `nameIn`: where a named choice keeps its function's name. */
export function toolChoiceOf(
  choice: unknown,
  nameIn: (named: Json) => unknown,
  cannot: Cannot,
): ToolChoice | null {
  if (choice === null || choice === undefined) return null;
  if (choice === 'auto' || choice === 'none' || choice === 'required') return { mode: choice, only: null };
  const named = object(choice);
  if (named.type === 'function') return { mode: 'required', only: [string(nameIn(named))] };
  if (named.type === 'allowed_tools') {
    const allowed = isObject(named.allowed_tools) ? named.allowed_tools : named;
    const tools = objects(allowed.tools);
    if (tools.every((tool) => tool.type === 'function'))
      return {
        mode: allowed.mode === 'required' ? 'required' : 'auto',
        only: tools.map((tool) => string(nameIn(tool))),
      };
  }
  cannot('tool_choice', 'names a tool that only its own provider has');
  return null;
}

export function schemaFormatOf(format: Json): OutputFormat {
  return {
    kind: 'schema',
    name: stringOrNull(format.name),
    description: stringOrNull(format.description),
    schema: object(format.schema),
    strict: typeof format.strict === 'boolean' ? format.strict : null,
  };
}

export const schemaFormat = (format: Extract<OutputFormat, { kind: 'schema' }>): Json => ({
  name: format.name ?? 'answer',
  ...given({ description: format.description }),
  schema: format.schema,
  strict: format.strict ?? isStrict(format.schema),
});

/** OpenAI enforces only schemas that close every object and require all of its properties; others it must be told to follow loosely. */
export function isStrict(schema: unknown): boolean {
  if (Array.isArray(schema)) return schema.every(isStrict);
  if (!isObject(schema)) return true;
  if (schema.type === 'object' || isObject(schema.properties)) {
    const required = Array.isArray(schema.required) ? schema.required : [];
    const names = Object.keys(object(schema.properties));
    if (schema.additionalProperties !== false || !names.every((name) => required.includes(name)))
      return false;
  }
  return (
    ['properties', '$defs', 'definitions'].every((name) =>
      Object.values(object(schema[name])).every(isStrict),
    ) && ['items', 'anyOf', 'oneOf', 'allOf'].every((name) => isStrict(schema[name]))
  );
}

const EFFORTS: readonly unknown[] = ['minimal', 'low', 'medium', 'high', 'xhigh', 'max'];

export function reasoningOf(effort: unknown, show: boolean): Reasoning | null {
  if (effort === 'none') return { amount: { kind: 'off' }, show: false };
  if (EFFORTS.includes(effort)) return { amount: { kind: 'effort', effort: effort as Effort }, show };
  return null;
}

/** How OpenAI's model is told to think; undefined = it is not told. Not to think at all is said differently by each family. */
export function effortFor({ amount }: Reasoning, model: string): string | undefined {
  switch (amount.kind) {
    case 'off':
      return /gpt-(5\.[1-9]|[6-9]|\d\d)/.test(model) ? 'none' : /gpt-5/.test(model) ? 'minimal' : undefined;
    case 'auto':
      return undefined;
    case 'effort':
      return amount.effort === 'max' ? 'xhigh' : amount.effort;
    case 'budget':
      return effortOfBudget(amount.tokens);
  }
}

export function imageOf(url: string, detail: unknown, mediaType: string | null = null): Image | null {
  const source = sourceOfUrl(url, mediaType);
  return source && { kind: 'image', source, detail: stringOrNull(detail) };
}

/** OpenAI's file part: its bytes as a data URL, or (responses) an address. */
export function documentOf(file: Json): Document | null {
  const source: Source | null = sourceOfUrl(string(file.file_data ?? file.file_url));
  return source && { kind: 'document', source, name: stringOrNull(file.filename) };
}
