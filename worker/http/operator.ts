/** POST /api/operator/seed: for the local launcher alone, which makes OPERATOR_TOKEN anew at every start. Without the variable there is no such route. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { z } from '@hono/zod-openapi';
import { createMiddleware } from 'hono/factory';
import { isApiKey } from '../domain/access/api-key.ts';
import { seedDemo } from '../store/seed.ts';
import { MIN_PASSWORD_LENGTH } from '../store/identity.ts';
import { Refused } from './errors.ts';
import { issuesOf, newRoutes, type AppEnv } from './routes.ts';

const optionsSchema = z.strictObject({
  password: z.string().min(MIN_PASSWORD_LENGTH).max(256),
  apiKey: z.string().refine(isApiKey, 'must look like pm_<prefix>_<secret> with 24 characters or more'),
});

const digest = (text: string) => createHash('sha256').update(text).digest();

/** Without the token there is no such route: as the launcher sends it, or as a scraper can. */
export const operatorOnly = createMiddleware<AppEnv>(async function operatorOnly(c, next) {
  const token = c.get('services').vars.OPERATOR_TOKEN;
  const sent =
    c.req.header('x-operator-token') ?? /^Bearer\s+(.+)$/i.exec(c.req.header('authorization') ?? '')?.[1];
  if (token === undefined || sent === undefined || !timingSafeEqual(digest(token), digest(sent)))
    throw new Refused({ reason: 'not_found', message: `There is no ${c.req.method} ${c.req.path}.` });
  await next();
});

export const operator = newRoutes();
operator.post('/api/operator/seed', operatorOnly, async function seed(c) {
  const options = optionsSchema.safeParse(await c.req.json().catch(() => null));
  if (!options.success) throw new Refused({ reason: 'invalid', issues: issuesOf(options.error) });
  return c.json({ seeded: await seedDemo(c.get('services'), options.data) });
});
