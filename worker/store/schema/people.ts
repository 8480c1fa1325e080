/** Who there is: accounts and sessions (better-auth's own shapes; times are its timestamps), teams, their members and groups. */
import { sql } from 'drizzle-orm';
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core';
import { id, time } from './columns.ts';

const stamp = (name: string) => integer(name, { mode: 'timestamp_ms' });

export const user = sqliteTable('user', {
  id: id(),
  name: text('name').notNull(),
  email: text('email').notNull().unique(),
  emailVerified: integer('email_verified', { mode: 'boolean' }).notNull().default(false),
  image: text('image'),
  createdAt: stamp('created_at').notNull(),
  updatedAt: stamp('updated_at').notNull(),
});

export const session = sqliteTable(
  'session',
  {
    id: id(),
    expiresAt: stamp('expires_at').notNull(),
    token: text('token').notNull().unique(),
    createdAt: stamp('created_at').notNull(),
    updatedAt: stamp('updated_at').notNull(),
    ipAddress: text('ip_address'),
    userAgent: text('user_agent'),
    userId: text('user_id')
      .notNull()
      .references(() => user.id, { onDelete: 'cascade' }),
    activeOrganizationId: text('active_organization_id'),
  },
  (t) => [index('session_user').on(t.userId)],
);

export const account = sqliteTable(
  'account',
  {
    id: id(),
    accountId: text('account_id').notNull(),
    providerId: text('provider_id').notNull(),
    userId: text('user_id')
      .notNull()
      .references(() => user.id, { onDelete: 'cascade' }),
    accessToken: text('access_token'),
    refreshToken: text('refresh_token'),
    idToken: text('id_token'),
    accessTokenExpiresAt: stamp('access_token_expires_at'),
    refreshTokenExpiresAt: stamp('refresh_token_expires_at'),
    scope: text('scope'),
    password: text('password'),
    createdAt: stamp('created_at').notNull(),
    updatedAt: stamp('updated_at').notNull(),
  },
  (t) => [index('account_user').on(t.userId)],
);

export const verification = sqliteTable(
  'verification',
  {
    id: id(),
    identifier: text('identifier').notNull(),
    value: text('value').notNull(),
    expiresAt: stamp('expires_at').notNull(),
    createdAt: stamp('created_at').notNull(),
    updatedAt: stamp('updated_at').notNull(),
  },
  (t) => [index('verification_identifier').on(t.identifier)],
);

/** A team is better-auth's organization. */
export const organization = sqliteTable('organization', {
  id: id(),
  name: text('name').notNull(),
  slug: text('slug').notNull().unique(),
  logo: text('logo'),
  metadata: text('metadata'),
  timeZone: text('time_zone').notNull().default('UTC'),
  plan: text('plan').notNull().default('enterprise'),
  /** ledger rows older than this are removed, their sum carried forward; null = kept for ever */
  ledgerRetentionDays: integer('ledger_retention_days'),
  /** so long after its end a run's steps are kept, and a dead letter after its last failure; null = for ever */
  executionRetentionDays: integer('execution_retention_days'),
  /** what becomes of a call whose budget cannot be asked: 'refuse' or 'allow' (booked later, flagged) */
  onBudgetUnavailable: text('on_budget_unavailable', { enum: ['refuse', 'allow'] })
    .notNull()
    .default('refuse'),
  createdAt: stamp('created_at').notNull(),
});

export const member = sqliteTable(
  'member',
  {
    id: id(),
    organizationId: text('organization_id')
      .notNull()
      .references(() => organization.id, { onDelete: 'cascade' }),
    userId: text('user_id')
      .notNull()
      .references(() => user.id, { onDelete: 'cascade' }),
    role: text('role').notNull().default('viewer'),
    createdAt: stamp('created_at').notNull(),
  },
  (t) => [uniqueIndex('member_of').on(t.organizationId, t.userId), index('member_user').on(t.userId)],
);

export const invitation = sqliteTable(
  'invitation',
  {
    id: id(),
    organizationId: text('organization_id')
      .notNull()
      .references(() => organization.id, { onDelete: 'cascade' }),
    email: text('email').notNull(),
    role: text('role'),
    status: text('status').notNull().default('pending'),
    expiresAt: stamp('expires_at').notNull(),
    createdAt: stamp('created_at').notNull(),
    inviterId: text('inviter_id')
      .notNull()
      .references(() => user.id, { onDelete: 'cascade' }),
  },
  (t) => [index('invitation_team').on(t.organizationId)],
);

/** Departments: what their members and keys spend counts to them. A deleted one keeps its row, so that history keeps its name. */
export const teamGroup = sqliteTable(
  'team_group',
  {
    id: id(),
    teamId: text('team_id').notNull(),
    name: text('name').notNull(),
    createdAt: time('created_at').notNull(),
    deletedAt: time('deleted_at'),
  },
  (t) => [
    uniqueIndex('team_group_name')
      .on(t.teamId, t.name)
      .where(sql`deleted_at is null`),
  ],
);

/** A member may be in several groups. */
export const teamGroupMember = sqliteTable(
  'team_group_member',
  {
    groupId: text('group_id')
      .notNull()
      .references(() => teamGroup.id, { onDelete: 'cascade' }),
    memberId: text('member_id')
      .notNull()
      .references(() => member.id, { onDelete: 'cascade' }),
  },
  (t) => [primaryKey({ columns: [t.memberId, t.groupId] }), index('team_group_member_of').on(t.groupId)],
);
