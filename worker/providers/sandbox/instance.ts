/** A deterministic instance of a JSON schema: what the sandbox answers to `response_format` and as arguments of tools. */
import { between, pick, type Dice } from './seeded.ts';
import { sentence } from './words.ts';

type Schema = Record<string, unknown>;

const MAX_DEPTH = 24;
const isSchema = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const number = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined);

/** Knows type, enum, const, anyOf / oneOf / allOf, $ref into the same document, bounds of numbers, lengths, formats, required. */
export function instanceOf(schema: unknown, dice: Dice, root: unknown = schema, depth = 0): unknown {
  if (!isSchema(schema) || depth > MAX_DEPTH) return null;
  if (typeof schema.$ref === 'string') return instanceOf(resolved(schema.$ref, root), dice, root, depth + 1);
  if ('const' in schema) return schema.const;
  if (Array.isArray(schema.enum) && schema.enum.length > 0) return pick(dice, schema.enum as unknown[]);
  for (const name of ['anyOf', 'oneOf'] as const) {
    const options = schema[name];
    if (!Array.isArray(options) || options.length === 0) continue;
    // The end of a recursive schema is its option without a reference.
    const chosen =
      depth > 6
        ? (options.find((option) => isSchema(option) && !('$ref' in option)) ?? options[0])
        : pick(dice, options);
    return instanceOf(chosen, dice, root, depth + 1);
  }
  if (Array.isArray(schema.allOf)) return instanceOf(combined(schema, root), dice, root, depth + 1);
  switch (typeOf(schema, dice)) {
    case 'object':
      return objectOf(schema, dice, root, depth);
    case 'array': {
      const least = number(schema.minItems) ?? (depth > 6 ? 0 : 1);
      const most = Math.max(least, Math.min(number(schema.maxItems) ?? least + 2, least + 2));
      const prefix = Array.isArray(schema.prefixItems) ? (schema.prefixItems as unknown[]) : [];
      return Array.from({ length: Math.max(prefix.length, between(dice, least, most)) }, (_, i) =>
        instanceOf(prefix[i] ?? schema.items ?? { type: 'string' }, dice, root, depth + 1),
      );
    }
    case 'integer':
    case 'number':
      return numberOf(schema, dice);
    case 'boolean':
      return dice() < 0.5;
    case 'null':
      return null;
    default:
      return stringOf(schema, dice);
  }
}

function typeOf(schema: Schema, dice: Dice): string {
  if (Array.isArray(schema.type)) return String(pick(dice, schema.type as unknown[]));
  if (typeof schema.type === 'string') return schema.type;
  if (isSchema(schema.properties)) return 'object';
  return schema.items || schema.prefixItems ? 'array' : 'string';
}

/** Every property: strict schemas require all of them, and a reader of optional ones wants to see them. */
function objectOf(schema: Schema, dice: Dice, root: unknown, depth: number): Schema {
  const properties = isSchema(schema.properties) ? schema.properties : {};
  const required = Array.isArray(schema.required) ? (schema.required as string[]) : [];
  const names = [...new Set([...Object.keys(properties), ...required])];
  const wanted = depth > 6 ? names.filter((name) => required.includes(name)) : names;
  return Object.fromEntries(
    wanted.map((name) => [name, instanceOf(properties[name] ?? { type: 'string' }, dice, root, depth + 1)]),
  );
}

function numberOf(schema: Schema, dice: Dice): number {
  const whole = schema.type === 'integer';
  const step = number(schema.multipleOf) ?? (whole ? 1 : 0.1);
  const above = number(schema.exclusiveMinimum);
  const below = number(schema.exclusiveMaximum);
  const low =
    number(schema.minimum) ??
    (above === undefined ? Math.min(0, (number(schema.maximum) ?? below ?? 0) - 100 * step) : above + step);
  const high = number(schema.maximum) ?? (below === undefined ? Math.max(low, 0) + 100 * step : below - step);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  if (last < first) return low;
  return Number((between(dice, first, last) * step).toFixed(10));
}

const FORMATS: Record<string, (dice: Dice) => string> = {
  'date-time': (dice) =>
    `2026-0${between(dice, 1, 9)}-1${between(dice, 0, 9)}T0${between(dice, 0, 9)}:00:00Z`,
  date: (dice) => `2026-0${between(dice, 1, 9)}-1${between(dice, 0, 9)}`,
  time: (dice) => `0${between(dice, 0, 9)}:${between(dice, 10, 59)}:00Z`,
  email: (dice) => `person${between(dice, 1, 999)}@example.com`,
  hostname: () => 'example.com',
  ipv4: (dice) => `192.0.2.${between(dice, 1, 254)}`,
  uri: (dice) => `https://example.com/${between(dice, 1, 999)}`,
  uuid: (dice) => `00000000-0000-4000-8000-${String(between(dice, 0, 999999)).padStart(12, '0')}`,
};

function stringOf(schema: Schema, dice: Dice): string {
  const format = FORMATS[String(schema.format)];
  if (format) return format(dice);
  const least = number(schema.minLength) ?? 0;
  const most = number(schema.maxLength) ?? Infinity;
  let text = sentence(dice);
  while (text.length < least) text += ` ${sentence(dice)}`;
  return text.length > most ? text.slice(0, most) : text;
}

function resolved(ref: string, root: unknown): unknown {
  if (!ref.startsWith('#')) return null;
  return ref
    .slice(1)
    .split('/')
    .filter(Boolean)
    .reduce<unknown>(
      (at, step) => (isSchema(at) ? at[step.replaceAll('~1', '/').replaceAll('~0', '~')] : null),
      root,
    );
}

/** allOf as one schema: properties and required are united, the rest overwrites. */
function combined(schema: Schema, root: unknown): Schema {
  const { allOf, ...rest } = schema;
  return (allOf as unknown[])
    .map((part) => (isSchema(part) && typeof part.$ref === 'string' ? resolved(part.$ref, root) : part))
    .filter(isSchema)
    .reduce<Schema>(
      (all, part) => ({
        ...all,
        ...part,
        properties: { ...(all.properties as object), ...(part.properties as object) },
        required: [...((all.required as string[]) ?? []), ...((part.required as string[]) ?? [])],
      }),
      rest,
    );
}
