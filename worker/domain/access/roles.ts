/** Who may do what: five roles, each including the one before it. The server's permission map (TEAM-6) is this file. */

export const ROLES = ['viewer', 'runner', 'editor', 'admin', 'owner'] as const;
export type Role = (typeof ROLES)[number];

/** The lowest role that holds each permission. */
export const PERMISSIONS = {
  'team.read': 'viewer',
  'prompt.read': 'viewer',
  'workflow.read': 'viewer',
  'usage.read': 'viewer',
  'run.create': 'runner',
  'gateway.call': 'runner',
  'prompt.write': 'editor',
  'workflow.write': 'editor',
  'data.write': 'editor',
  // approvals, and what became of a step of which nobody knows
  'run.decide': 'editor',
  'budget.write': 'admin',
  'key.manage': 'admin',
  'guardrail.manage': 'admin',
  'connection.manage': 'admin',
  'notification.manage': 'admin',
  'member.manage': 'admin',
  'price.write': 'admin',
  // putting counters right, and taking in invoices to check them by
  'books.write': 'admin',
  'audit.read': 'admin',
  'team.update': 'admin',
  'team.own': 'owner',
} as const satisfies Record<string, Role>;
export type Permission = keyof typeof PERMISSIONS;

export const isRole = (value: unknown): value is Role => ROLES.includes(value as Role);
export const roleAtLeast = (role: Role, lowest: Role): boolean =>
  ROLES.indexOf(role) >= ROLES.indexOf(lowest);
export const may = (role: Role, permission: Permission): boolean =>
  roleAtLeast(role, PERMISSIONS[permission]);
