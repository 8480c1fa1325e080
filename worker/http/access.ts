/** The one table of routes and the permission each needs. A route that is missing here answers 500; tests/workers/access.test.ts walks them all. */
import type { Permission } from '../domain/access/roles.ts';

/** 'public' = nobody is asked; 'signed-in' = any caller we know, team or not; otherwise a permission in the caller's team. */
export type Access = Permission | 'public' | 'signed-in';

export const ACCESS: Record<string, Access> = {
  'GET /api/health': 'public',
  'GET /api/openapi.json': 'public',
  // accounts
  'GET /api/auth/*': 'public',
  'POST /api/auth/*': 'public',
  // guarded by the launcher's own token
  'POST /api/operator/seed': 'public',
  'GET /api/me': 'signed-in',
  // money
  'GET /api/models': 'team.read',
  'POST /api/token-tracking/estimate': 'usage.read',
};
