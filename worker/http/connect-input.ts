/** What connecting a provider asks for: a key, an address, headers of one's own, and what the provider's own form adds. */
import { z } from '@hono/zod-openapi';
import type { Provider } from '../domain/contracts/provider.ts';
import type { Issue } from '../domain/refusal.ts';
import { err, ok, type Result } from '../domain/result.ts';
import { issuesOf, nameText } from './routes.ts';

/** Names that belong to the connection itself, to proxies, or to what we send: nobody sets them. */
const NOT_YOURS =
  /^(connection|keep-alive|te|trailer|transfer-encoding|upgrade|expect|host|content-(length|type|encoding)|accept-encoding|cookie2?|set-cookie2?|idempotency-key|forwarded|via|proxy-.*|x-forwarded-.*|x-real-ip|cf-.*)$/;

/** A header's value may hold a secret: it is sealed, and only its name is ever shown. */
const headers = z
  .record(
    z
      .string()
      .regex(/^[\w!#$%&'*+.^`|~-]{1,100}$/, 'is not the name of a header')
      .refine((name) => !NOT_YOURS.test(name.toLowerCase()), 'is set by the connection itself'),
    z
      .string()
      .max(4000)
      .regex(/^[\x20-\x7e]*$/, 'has characters that no header has'),
  )
  .refine((all) => Object.keys(all).length <= 20, 'are more than 20')
  .refine(
    (all) => new Set(Object.keys(all).map((name) => name.toLowerCase())).size === Object.keys(all).length,
    'are given twice: their case does not matter',
  )
  .transform((all) =>
    Object.fromEntries(Object.entries(all).map(([name, value]) => [name.toLowerCase(), value.trim()])),
  );

export const providerId = z.string().trim().min(1).max(64);
export const connectBody = z
  .strictObject({
    provider: providerId,
    /** needed unless the provider says that it can do without */
    apiKey: z
      .string()
      .trim()
      .min(1)
      .max(1000)
      .regex(/^[\x21-\x7e]*$/, 'has characters that no key has')
      .optional(),
    baseUrl: z
      .url({ protocol: /^https?$/ })
      .max(500)
      .refine((value) => !URL.canParse(value) || new URL(value).username === '', 'must not hold a user name')
      .transform((value) => value.replace(/\/+$/, ''))
      .optional(),
    name: nameText.default('default'),
    /** sent with every call; the values are kept like the key */
    headers: headers.default({}),
    /** true = its models cost nothing; only where nobody publishes prices */
    free: z.boolean().default(false),
    /** what else the provider asks for: `fields` of GET /api/integrations */
    options: z.record(z.string().max(64), z.string().max(500)).default({}),
  })
  .openapi('Connect');
export type ConnectBody = z.infer<typeof connectBody>;

/** What `provider` itself makes of it; every fault under its field's name. */
export function acceptedBy(
  provider: Provider,
  { apiKey, baseUrl, free, options }: ConnectBody,
): Result<{ options: Record<string, string> }, Issue[]> {
  const issues: Issue[] = [];
  if (apiKey === undefined && !provider.keyOptional)
    issues.push({ path: 'apiKey', message: 'is needed by this provider' });
  if (free && !provider.mayBeFree)
    issues.push({ path: 'free', message: 'has published prices: set a price of 0 for a model instead' });
  const form = provider.connectSchema.safeParse({ ...options, ...(baseUrl ? { baseUrl } : {}) });
  if (!form.success)
    for (const { path, message } of issuesOf(form.error))
      issues.push({ path: path === 'baseUrl' ? path : `options.${path}`.replace(/\.$/, ''), message });
  if (issues.length > 0) return err(issues);
  const { baseUrl: _, ...own } = form.data as Record<string, string | undefined>;
  const given = Object.entries(own).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return ok({ options: Object.fromEntries(given) });
}

/** One field of a provider's form, for pages to draw. */
export const fieldSchema = z.object({
  name: z.string(),
  label: z.string(),
  hint: z.string().nullable(),
  required: z.boolean(),
  /** null = any text */
  choices: z.array(z.string()).nullable(),
});

interface JsonField {
  title?: string;
  description?: string;
  enum?: string[];
}

/** The fields of the provider's connectSchema, in its order. */
export function fieldsOf({ connectSchema }: Provider): z.infer<typeof fieldSchema>[] {
  const { properties = {}, required = [] } = z.toJSONSchema(connectSchema, { io: 'input' }) as {
    properties?: Record<string, JsonField>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, field]) => ({
    name,
    label: field.title ?? name,
    hint: field.description ?? null,
    required: required.includes(name),
    choices: field.enum ?? null,
  }));
}
