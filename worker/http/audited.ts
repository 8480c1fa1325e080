/** The part of an audit row that the request knows: who did it, in which team, from where. */
import type { Context } from 'hono';
import type { AuditEntry } from '../store/audit.ts';
import type { AppEnv } from './routes.ts';

export function byCaller(c: Context<AppEnv>): Pick<AuditEntry, 'teamId' | 'actor' | 'ip'> {
  const { teamId, keyId, userId } = c.get('actor');
  return {
    teamId,
    actor: keyId !== null ? `key:${keyId}` : userId !== null ? `user:${userId}` : 'system',
    ip: c.req.header('cf-connecting-ip') ?? null,
  };
}
