/** What every route file starts from: a typed OpenAPIHono whose validation errors are our own 422. */
import { OpenAPIHono, z } from '@hono/zod-openapi';
import { createMiddleware } from 'hono/factory';
import type { Role } from '../domain/access/roles.ts';
import type { Services } from '../services.ts';
import type { KeepStream } from './kept-stream.ts';
import type { ApiKey } from '../store/keys.ts';
import type { Membership } from '../store/teams.ts';
import { Refused } from './errors.ts';

/** Who is calling, in which team, with which role. */
export interface Actor {
  teamId: string;
  role: Role;
  /** the user behind a session, or who made the key (null when gone) */
  userId: string | null;
  /** member id behind a session; spend is booked to it */
  memberId: string | null;
  keyId: string | null;
  /** tags every call of the key carries */
  keyTags: string[];
  /** groups (departments) that the caller's spend counts to: the member's, or the key's own */
  groupIds: string[];
}

/** The person or program behind a request, before any team is chosen. */
export type Caller =
  | {
      kind: 'user';
      user: { id: string; name: string; email: string };
      sessionId: string;
      /** the team the session used last */
      lastTeamId: string | null;
      memberships: Membership[];
    }
  | { kind: 'key'; key: ApiKey };

/** `actor` is set on every route whose access is a permission; `caller` also on those that are 'signed-in'. */
export interface AppEnv {
  Bindings: Env;
  Variables: {
    requestId: string;
    services: Services;
    actor: Actor;
    caller: Caller;
    rateCounted?: true;
    /** keeps a streamed answer for whoever repeats the request (idempotency.ts); absent = nobody may */
    keepStream?: KeepStream;
  };
}

/** Call once per resource file. Validation failures are 422 `invalid` with issues. */
export const newRoutes = () =>
  new OpenAPIHono<AppEnv>({
    defaultHook: (result) => {
      if (result.success) return;
      throw new Refused({ reason: 'invalid', issues: issuesOf(result.error) });
    },
  });

/** zod's issues as ours; unknown fields are named one by one. */
export function issuesOf(error: {
  issues: readonly { path: PropertyKey[]; message: string; code?: string; keys?: string[] }[];
}) {
  return error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys' && issue.keys
      ? issue.keys.map((key) => ({ path: [...issue.path, key].join('.'), message: 'unknown field' }))
      : [{ path: issue.path.join('.'), message: issue.message }],
  );
}

export const errorSchema = z
  .object({
    error: z.looseObject({
      type: z.string(),
      code: z.string(),
      message: z.string(),
      param: z.string().optional(),
      request_id: z.string(),
    }),
  })
  .openapi('Error');

/** `responses` of a route: its success beside the errors that any route can give. */
export const answers = <S extends z.ZodType, const Code extends number>(
  code: Code,
  description: string,
  schema: S,
) =>
  ({
    [code]: { description, content: { 'application/json': { schema } } },
  }) as { [K in Code]: { description: string; content: { 'application/json': { schema: S } } } };

/** Lists: ?limit (default 50, max 200) &cursor. */
export const pageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().max(200).optional(),
});
export const pageOf = <S extends z.ZodType>(item: S) =>
  z.object({ data: z.array(item), nextCursor: z.string().nullable() });

export const jsonBody = <S extends z.ZodType>(schema: S) => ({
  required: true as const,
  content: { 'application/json': { schema } },
});

/** `{id}` in a path; whether it is anybody's is the handler's 404. */
export const idParam = z.object({ id: z.string().max(100) });
/** The name of a thing: shown as text wherever it appears. */
export const nameText = z.string().trim().min(1).max(100);

/** `request` and `middleware` of a POST whose body may be missing or empty, which then counts as `{}`. */
export const optionalJsonBody = <S extends z.ZodType, R extends object>(schema: S, request: R) => ({
  request: { ...request, body: jsonBody(schema) },
  middleware: createMiddleware(async function emptyBodyIsEmptyObject(c, next) {
    const text = await c.req.text();
    if (text.trim() === '') {
      const headers = new Headers(c.req.raw.headers);
      headers.set('content-type', 'application/json');
      c.req.raw = new Request(c.req.raw.url, { method: c.req.method, headers, body: '{}' });
      c.req.bodyCache = {};
    }
    await next();
  }),
});
