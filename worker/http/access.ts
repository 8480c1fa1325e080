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
  'GET /api/teams': 'signed-in',
  'POST /api/teams': 'signed-in',
  'GET /api/teams/:id': 'team.read',
  'PATCH /api/teams/:id': 'team.update',
  'GET /api/teams/:id/audit-log': 'audit.read',
  'GET /api/teams/:id/members': 'team.read',
  'PATCH /api/teams/:id/members/:memberId': 'member.manage',
  'DELETE /api/teams/:id/members/:memberId': 'member.manage',
  'POST /api/teams/:id/leave': 'team.read',
  'GET /api/teams/:id/invitations': 'member.manage',
  'POST /api/teams/:id/invitations': 'member.manage',
  'DELETE /api/teams/:id/invitations/:invitationId': 'member.manage',
  // whoever holds the link may read what it is for
  'GET /api/invitations/:token': 'public',
  'POST /api/invitations/accept': 'signed-in',
  'GET /api/keys': 'key.manage',
  'POST /api/keys': 'key.manage',
  'DELETE /api/keys/:id': 'key.manage',
  // workflows
  'GET /api/node-types': 'workflow.read',
  'GET /api/workflows': 'workflow.read',
  'POST /api/workflows': 'workflow.write',
  'GET /api/workflows/:id': 'workflow.read',
  'PUT /api/workflows/:id': 'workflow.write',
  'DELETE /api/workflows/:id': 'workflow.write',
  'POST /api/workflows/:id/publish': 'workflow.write',
  'GET /api/workflows/:id/versions': 'workflow.read',
  // money
  'GET /api/models': 'team.read',
  'POST /api/token-tracking/estimate': 'usage.read',
  // prompts
  'GET /api/prompts': 'prompt.read',
  'POST /api/prompts': 'prompt.write',
  'GET /api/prompts/:id': 'prompt.read',
  'PATCH /api/prompts/:id': 'prompt.write',
  'DELETE /api/prompts/:id': 'prompt.write',
  'GET /api/prompts/:id/versions': 'prompt.read',
  'POST /api/prompts/:id/versions': 'prompt.write',
  'PUT /api/prompts/:id/labels/:label': 'prompt.write',
  'POST /api/prompts/:id/run': 'run.create',
  'GET /api/runs': 'usage.read',
  'GET /api/runs/:id': 'usage.read',
  // providers and the gateway
  'GET /api/integrations': 'team.read',
  'POST /api/integrations/connect': 'connection.manage',
  'POST /api/integrations/disconnect': 'connection.manage',
  'POST /v1/chat/completions': 'gateway.call',
  'GET /v1/models': 'team.read',
  'GET /v1/models/:model{.+}': 'team.read',
  'POST /api/integrations/openai/v1/chat/completions': 'gateway.call',
  'GET /api/integrations/openai/v1/models': 'team.read',
  'GET /api/integrations/openai/v1/models/:model{.+}': 'team.read',
  // token tracking
  'GET /api/token-tracking/budget': 'usage.read',
  'POST /api/token-tracking/budget': 'budget.write',
  'GET /api/token-tracking/budget/:id': 'usage.read',
  'PATCH /api/token-tracking/budget/:id': 'budget.write',
  'DELETE /api/token-tracking/budget/:id': 'budget.write',
  'GET /api/token-tracking/alerts': 'usage.read',
  'GET /api/token-tracking/ledger': 'usage.read',
  'GET /api/token-tracking/reconcile': 'usage.read',
  'GET /api/token-tracking/stats': 'usage.read',
  'POST /api/token-tracking/log': 'run.create',
  'GET /api/live': 'usage.read',
};
