/** Instants in queries and bodies: an ISO date-time with its offset, or a date (midnight UTC); parsed to ISO UTC with milliseconds. */
import { z } from '@hono/zod-openapi';

export const instant = z
  .union([z.iso.datetime({ offset: true }), z.iso.date()], { error: 'must be an ISO-8601 date or date-time' })
  .transform((text) => new Date(text).toISOString());
