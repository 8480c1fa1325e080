/**
 * A JSON schema as Anthropic's structured outputs take it, the way its own SDK does: objects are closed, and what cannot be enforced
 * (lengths, ranges, patterns) stands in the description, where the model reads it.
 */
import { isObject, type Json } from '../formats/json.ts';
import { object, string } from './reading.ts';

const STRING_FORMATS = [
  'date-time',
  'time',
  'date',
  'duration',
  'email',
  'hostname',
  'uri',
  'ipv4',
  'ipv6',
  'uuid',
];
const KEPT = ['type', 'title', 'enum', 'const', 'required', '$ref', 'default'];
/** names of schemas within a schema, by how they stand there */
const NAMED = ['properties', '$defs', 'definitions'];
const LISTED = ['anyOf', 'allOf'];

export function closedSchema(schema: Json): Json {
  const closed: Json = {};
  const told: string[] = [];
  for (const [name, value] of Object.entries(schema)) {
    if (name === '$schema' || name === 'description' || name === 'additionalProperties') continue;
    if (KEPT.includes(name)) closed[name] = value;
    else if (NAMED.includes(name))
      closed[name] = Object.fromEntries(
        Object.entries(object(value)).map(([key, inner]) => [
          key,
          isObject(inner) ? closedSchema(inner) : inner,
        ]),
      );
    else if ((LISTED.includes(name) || name === 'oneOf') && Array.isArray(value))
      closed[name === 'oneOf' ? 'anyOf' : name] = value.map((inner) =>
        isObject(inner) ? closedSchema(inner) : inner,
      );
    else if (name === 'items' && isObject(value)) closed.items = closedSchema(value);
    else if (name === 'minItems' && (value === 0 || value === 1)) closed.minItems = value;
    else if (name === 'format' && STRING_FORMATS.includes(string(value))) closed.format = value;
    else told.push(`${name}: ${JSON.stringify(value)}`);
  }
  if (schema.type === 'object' || isObject(schema.properties)) {
    closed.type ??= 'object';
    closed.properties ??= {};
    closed.additionalProperties = false;
  }
  const words = [string(schema.description), told.length > 0 ? `{${told.join(', ')}}` : ''].filter(
    (text) => text !== '',
  );
  return words.length > 0 ? { ...closed, description: words.join('\n\n') } : closed;
}
