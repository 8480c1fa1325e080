/** Teams and who is in them. A team is better-auth's organization; a membership its member row. */
import { asc, eq, sql } from 'drizzle-orm';
import type { Role } from '../domain/access/roles.ts';
import type { Db } from '../services.ts';
import { member, organization, session } from './schema.ts';

/** One person's place in one team. */
export interface Membership {
  memberId: string;
  teamId: string;
  teamName: string;
  role: Role;
  groupIds: string[];
}

/** In the same statement as the membership, so that no call asks D1 once more for it. */
const GROUPS_OF_MEMBER = sql<string>`(SELECT json_group_array(group_id) FROM team_group_member WHERE member_id = ${member.id})`;

/** The teams of a person, the first joined first. */
export async function membershipsOf(db: Db, userId: string): Promise<Membership[]> {
  const rows = await db
    .select({
      memberId: member.id,
      teamId: member.organizationId,
      teamName: organization.name,
      role: member.role,
      groupIds: GROUPS_OF_MEMBER,
    })
    .from(member)
    .innerJoin(organization, eq(organization.id, member.organizationId))
    .where(eq(member.userId, userId))
    .orderBy(asc(member.createdAt), asc(member.id));
  return rows.map((row) => ({
    ...row,
    role: row.role as Role,
    groupIds: JSON.parse(row.groupIds) as string[],
  }));
}

export interface NewTeam {
  teamId: string;
  memberId: string;
  name: string;
  timeZone: string;
  /** the id unless told */
  slug?: string;
  ownerId: string;
  nowMs: number;
}

/** The two inserts of a team and its first owner, for one batch: no team is ever without an owner. */
export const insertTeam = (db: Db, team: NewTeam) =>
  [
    db.insert(organization).values({
      id: team.teamId,
      name: team.name,
      slug: team.slug ?? team.teamId,
      timeZone: team.timeZone,
      createdAt: new Date(team.nowMs),
    }),
    db.insert(member).values({
      id: team.memberId,
      organizationId: team.teamId,
      userId: team.ownerId,
      role: 'owner',
      createdAt: new Date(team.nowMs),
    }),
  ] as const;

export async function findTeam(db: Db, teamId: string) {
  return (
    (await db.query.organization.findFirst({
      where: eq(organization.id, teamId),
      columns: {
        id: true,
        name: true,
        timeZone: true,
        ledgerRetentionDays: true,
        executionRetentionDays: true,
        onBudgetUnavailable: true,
        createdAt: true,
      },
    })) ?? null
  );
}

/** What a team may change of itself. */
export type TeamSettings = Pick<
  typeof organization.$inferSelect,
  'name' | 'timeZone' | 'ledgerRetentionDays' | 'executionRetentionDays' | 'onBudgetUnavailable'
>;

export const updateTeam = (db: Db, teamId: string, change: TeamSettings) =>
  db.update(organization).set(change).where(eq(organization.id, teamId));

/** Notes the team a session used last: the default for requests that name none. */
export async function rememberTeam(db: Db, sessionId: string, teamId: string): Promise<void> {
  await db.update(session).set({ activeOrganizationId: teamId }).where(eq(session.id, sessionId));
}
